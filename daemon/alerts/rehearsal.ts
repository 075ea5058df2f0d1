import type { Judge, JudgedSource } from './judge.ts';

/** Alerts of nothing, one of each kind that rules are asked about. */
const ALERTS: readonly Buffer[] = [
  {
    'detail-type': 'AWS API Call via CloudTrail',
    detail: {
      eventSource: 's3.amazonaws.com',
      eventName: 'ListBuckets',
      userIdentity: { type: 'IAMUser', arn: 'arn:aws:iam::123456789012:user/nobody' },
      requestParameters: { bucketName: 'nothing' },
    },
  },
  { operationName: { value: 'Microsoft.Compute/virtualMachines/read' }, caller: 'nobody' },
  { protoPayload: { methodName: 'storage.buckets.list', serviceName: 'storage.googleapis.com' } },
  { verb: 'get', objectRef: { resource: 'pods' }, stage: 'ResponseComplete', responseStatus: { code: 200 } },
  { action: 'created', repository: { default_branch: 'main' }, sender: { login: 'nobody' }, ref: 'refs/heads/x' },
  { object_kind: 'push', ref: 'refs/heads/x', after: '1'.repeat(40), project: { default_branch: 'main' } },
  {
    rule: 'Nothing happened',
    priority: 'Notice',
    output_fields: { 'proc.cmdline': 'ls -la /tmp', 'user.name': 'nobody' },
  },
  { status: 'firing', labels: { alertname: 'Nothing', severity: 'info' }, annotations: { summary: 'Nothing.' } },
  { method: 'GET', url: 'https://api.example.com/v1/things?page=1', body: '{"query":"query { things }"}' },
  { statement: 'select name, count(*) from things where id = 1 group by name' },
  {
    tool: 'Bash',
    input: { command: 'cd /srv && git status | grep -v "nothing" && npm run build > /tmp/log 2>&1; echo $?' },
  },
].map((alert) => Buffer.from(JSON.stringify(alert)));
/** By then the machine has compiled what is run often. */
const ROUNDS = 60;

/**
 * Judges alerts of nothing, so that the first real one meets code that is compiled and regular expressions that are built:
 * without it that one takes some ten milliseconds more. Counts nothing.
 */
export function rehearse(judge: Judge, sources: readonly JudgedSource[]): void {
  for (const source of sources) {
    for (let round = 0; round < ROUNDS; round++)
      for (const bytes of ALERTS)
        judge.judge(
          { ...source, format: 'json' },
          { body: { kind: 'whole', bytes }, header: () => undefined, now: 0, repeated: () => true },
        );
  }
}
