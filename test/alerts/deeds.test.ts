import { describe, expect, test } from 'vitest';
import type { Deed, Subject } from '../../daemon/alerts/deed.ts';
import { deedsIn } from '../../daemon/alerts/deeds.ts';
import type { JsonObject } from '../../daemon/alerts/format.ts';
import { sampleJson } from '../intake/helpers.ts';

const found = (on: Subject, alert: JsonObject): readonly Deed[] =>
  deedsIn(alert).deeds.filter((deed) => deed.on === on);
const only = (on: Subject, alert: JsonObject): Deed => {
  const all = found(on, alert);
  expect(all).toHaveLength(1);
  return all[0] as Deed;
};
const derived = (on: Subject, alert: JsonObject) => only(on, alert).root['portcullis'];

describe('Amazon, as others retell it', () => {
  const elastic = {
    event: { provider: 'rds.amazonaws.com', action: 'DeleteDBInstance', outcome: 'success' },
    user: { name: 'contractor' },
    user_agent: { original: 'claude-code/2' },
    aws: { cloudtrail: { flattened: { request_parameters: { skipFinalSnapshot: true } } } },
  };

  test('a document of Elastic, nested or with dots in its keys', () => {
    const root = {
      eventSource: 'rds.amazonaws.com',
      eventName: 'DeleteDBInstance',
      requestParameters: { skipFinalSnapshot: true },
    };
    expect(only('aws', elastic)).toMatchObject({ root, by: 'contractor', through: 'claude-code/2' });
    const flat = {
      'event.provider': 'rds.amazonaws.com',
      'event.action': 'DeleteDBInstance',
      'event.outcome': 'failure',
      'user.name': 'contractor',
      'aws.cloudtrail.flattened.request_parameters': { skipFinalSnapshot: true },
    };
    expect(only('aws', flat)).toMatchObject({ root, by: 'contractor', refused: true });
    expect(only('aws', elastic).refused).toBeUndefined();
  });

  test('API Activity of OCSF', () => {
    const event = sampleJson('ocsf-6003-api_activity-cloudtrail.json');
    expect(only('aws', event)).toMatchObject({
      root: { eventSource: 'directconnect.amazonaws.com', eventName: 'DescribeDirectConnectGateways' },
      by: 'arn:aws:iam::1111111111111:user/Level6',
    });
    expect(only('aws', event).refused).toBeUndefined();
    const { api, ...rest } = event;
    const denied = { ...rest, api: { ...(api as object), response: { error: 'AccessDenied' } } };
    expect(only('aws', denied)).toMatchObject({ refused: true });
  });

  test('the evidence of a finding', () => {
    const event = sampleJson('ocsf-2004-detection_finding-sechub-guardduty.json');
    expect(only('aws', event)).toMatchObject({
      root: { eventSource: 'cloudtrail.amazonaws.com', eventName: 'DeleteTrail' },
    });
  });

  test('the call in a finding of GuardDuty and of Security Hub', () => {
    const root = { eventSource: 'iam.amazonaws.com', eventName: 'PutRolePolicy' };
    expect(only('aws', sampleJson('guardduty-finding-detail-sev8.json'))).toMatchObject({ root });
    const call = { Api: 'PutRolePolicy', ServiceName: 'iam.amazonaws.com', CallerType: 'remoteIp' };
    expect(only('aws', { Action: { AwsApiCallAction: call } })).toMatchObject({ root });
  });

  test('a row of Microsoft Sentinel', () => {
    const row = {
      EventSource: 'rds.amazonaws.com',
      EventName: 'DeleteDBInstance',
      RequestParameters: '{"skipFinalSnapshot":true}',
      UserIdentityArn: 'arn:aws:iam::1:user/x',
      ErrorCode: '',
    };
    const requestParameters = { skipFinalSnapshot: true };
    expect(only('aws', row)).toMatchObject({ root: { requestParameters }, by: 'arn:aws:iam::1:user/x' });
    expect(only('aws', row).refused).toBeUndefined();
    expect(only('aws', { ...row, ErrorCode: 'AccessDenied', RequestParameters: '{' }).refused).toBe(true);
  });

  test('an error that is none, as Splunk writes it', () => {
    const refused = (errorCode: unknown) =>
      only('aws', { eventSource: 's3.amazonaws.com', eventName: 'DeleteBucket', errorCode }).refused;
    expect(['success', 'Success', 'None', '-', '', null].map(refused)).toEqual(Array(6).fill(undefined));
    expect(['AccessDenied', 'Client.UnauthorizedOperation'].map(refused)).toEqual([true, true]);
  });

  test("what is not Amazon's is not taken for it", () => {
    expect(found('aws', { api: { operation: 'x', service: { name: 'rds.amazonaws.com.evil.example' } } })).toEqual([]);
    expect(found('aws', { event: { provider: 'apache', action: 'DeleteDBInstance' } })).toEqual([]);
  });
});

describe('Azure', () => {
  const operation = 'MICROSOFT.COMPUTE/DISKS/DELETE';

  test.each([
    ['a string', { operationName: 'Microsoft.Compute/disks/delete', caller: 'x@example.com' }],
    ['an object', { operationName: { value: 'Microsoft.Compute/disks/delete' }, caller: 'x@example.com' }],
    [
      'a column of Log Analytics',
      { OperationNameValue: operation, OperationName: 'Delete Disk', Caller: 'x@example.com' },
    ],
    [
      'an alert',
      { data: { alertContext: { operationName: operation, caller: 'x@example.com', status: 'Succeeded' } } },
    ],
    ['Elastic', { event: { dataset: 'azure.activitylogs', action: operation }, user: { email: 'x@example.com' } }],
  ])('the name of an operation as %s', (_, alert) => {
    expect(only('azure', alert)).toMatchObject({ root: { portcullis: { operation } }, by: 'x@example.com' });
    expect(only('azure', alert).refused).toBeUndefined();
  });

  test("a resource's own log", () => {
    const alert = { operationName: 'DeleteBlob', resourceId: '/subscriptions/1/x', statusCode: 202 };
    expect(derived('azure', alert)).toEqual({ operation: 'DELETEBLOB' });
    expect(found('azure', { operationName: 'DeleteBlob' })).toEqual([]);
  });

  test.each([
    { resultType: 'Failure' },
    { status: 'Failed' },
    { status: { value: 'Failed' } },
    { statusCode: 403 },
    { properties: { statusCode: 'Forbidden' } },
    { ActivityStatusValue: 'Failure' },
    { resultType: 'Success', statusText: 'AuthorizationFailure' },
  ])('%j is refused', (said) => {
    expect(only('azure', { operationName: operation, ...said }).refused).toBe(true);
  });

  test.each([
    { resultType: 'Start' },
    { resultType: 'Success' },
    { status: { value: 'Accepted' } },
    { statusCode: 202 },
    { properties: { statusCode: 'OK' } },
    { status: ['Failed'] },
  ])('%j is done, or under way', (said) => {
    expect(only('azure', { operationName: operation, ...said }).refused).toBeUndefined();
  });
});

describe('Google Cloud', () => {
  const payload = {
    methodName: 'storage.buckets.delete',
    serviceName: 'storage.googleapis.com',
    authenticationInfo: { principalEmail: 'agent@p.iam.gserviceaccount.com' },
    requestMetadata: { callerSuppliedUserAgent: 'gcloud' },
  };

  test('a log entry is one deed, though its payload is looked at too', () => {
    expect(only('gcp', { insertId: 'a', protoPayload: payload })).toMatchObject({
      root: { insertId: 'a', protoPayload: { methodName: 'storage.buckets.delete' } },
      by: 'agent@p.iam.gserviceaccount.com',
      through: 'gcloud',
    });
  });

  test('a payload alone is none: a rule about what stands beside it would be asked without that', () => {
    expect(found('gcp', { jsonPayload: payload })).toEqual([]);
  });

  test('refused is what has a status', () => {
    const status = (code: unknown) => only('gcp', { protoPayload: { ...payload, status: { code } } }).refused;
    expect([7, '7', 16].map(status)).toEqual([true, true, true]);
    expect([0, '0', undefined, null, {}].map(status)).toEqual([undefined, undefined, undefined, undefined, undefined]);
    expect(only('gcp', { protoPayload: { ...payload, status: {} } }).refused).toBeUndefined();
  });

  test('a document of Elastic', () => {
    const alert = {
      event: { dataset: 'gcp.audit', action: 'storage.buckets.delete', outcome: 'failure' },
      gcp: { audit: { service_name: 'storage.googleapis.com' } },
      client: { user: { email: 'agent@example.com' } },
    };
    expect(only('gcp', alert)).toMatchObject({
      root: { protoPayload: { methodName: 'storage.buckets.delete', serviceName: 'storage.googleapis.com' } },
      by: 'agent@example.com',
      refused: true,
    });
  });
});

describe('Kubernetes', () => {
  const event = sampleJson('k8s-audit-pvc-delete.json');

  test('an audit event is its own root', () => {
    expect(only('kubernetes', event)).toMatchObject({
      root: event,
      by: 'system:serviceaccount:agents:cursor',
      through: 'kubectl/v1.34',
    });
  });

  test.each(['RequestReceived', 'ResponseStarted'])('nothing has been done at stage %s', (stage) => {
    expect(found('kubernetes', { ...event, stage })).toEqual([]);
  });

  test('without a stage, and after a panic, it may have been done', () => {
    const { stage: _, ...rest } = event;
    expect(found('kubernetes', rest)).toHaveLength(1);
    expect(found('kubernetes', { ...event, stage: 'Panic' })).toHaveLength(1);
  });

  test.each([403, 404, 409, '403'])('code %s is refused', (code) => {
    expect(only('kubernetes', { ...event, responseStatus: { code } }).refused).toBe(true);
  });

  test('a code that is none is not refused', () => {
    for (const code of [200, 202, undefined, null, 'x', {}])
      expect(only('kubernetes', { ...event, responseStatus: { code } }).refused).toBeUndefined();
  });

  test('a controller follows what somebody else has done', () => {
    const username = 'system:serviceaccount:kube-system:namespace-controller';
    expect(found('kubernetes', { ...event, user: { username } })).toEqual([]);
  });

  test.each([
    ['a name like a controller', { user: { username: 'system:serviceaccount:kube-system:namespace-controller2' } }],
    ['another account of kube-system', { user: { username: 'system:serviceaccount:kube-system:default' } }],
    ["a controller's user agent", { userAgent: 'system:serviceaccount:kube-system:namespace-controller' }],
    [
      'who pretends to be a controller',
      {
        user: { username: 'agent' },
        impersonatedUser: { username: 'system:serviceaccount:kube-system:namespace-controller' },
      },
    ],
    [
      'a controller made to be somebody else',
      {
        user: { username: 'system:serviceaccount:kube-system:namespace-controller' },
        impersonatedUser: { username: 'x' },
      },
    ],
    ['a dry run, by its address', { requestURI: '/api/v1/namespaces/prod?dryRun=All' }],
  ])('%s leaves nothing out', (_, changed) => {
    expect(found('kubernetes', { ...event, ...changed })).toHaveLength(1);
  });

  test('the fields of the integration for Elastic are found where they stand', () => {
    expect(found('kubernetes', { kubernetes: { audit: event } })).toHaveLength(1);
  });
});

describe('GitHub', () => {
  const hook = (name: string, event?: string) => ({
    ...sampleJson(name),
    ...(event !== undefined && { portcullis: { event } }),
  });

  test.each([
    ['github-push-forced-default-branch.json', 'push', { event: 'push', defaultBranch: true }],
    ['github-push-tag-deleted.json', 'push', { event: 'push' }],
    ['github-delete-branch.json', 'delete', { event: 'delete' }],
    ['github-delete-tag.json', 'delete', { event: 'delete' }],
    ['github-ghes-repository-deleted.json', 'repository', { event: 'repository' }],
    ['github-branch_protection_rule-deleted.json', 'branch_protection_rule', { event: 'branch_protection_rule' }],
  ])('%s', (name, event, expected) => {
    expect(derived('github', hook(name, event))).toEqual(expected);
  });

  test('"delete" names a branch without its path, and a tag of that name is another thing', () => {
    const body = hook('github-delete-branch.json', 'delete');
    expect(derived('github', { ...body, ref: 'master' })).toEqual({ event: 'delete', defaultBranch: true });
    expect(derived('github', { ...body, ref: 'master', ref_type: 'tag' })).toEqual({ event: 'delete' });
  });

  test('a push is known without its header', () => {
    expect(derived('github', { relayed: JSON.stringify(hook('github-push-forced-default-branch.json')) })).toEqual({
      event: 'push',
      defaultBranch: true,
    });
  });

  test('entries of the audit log', () => {
    const batch = { Records: Object.values(sampleJson('github-auditlog-stream-batch.json')) };
    expect(
      found('github', batch)
        .map(({ root, by }) => [root['action'], root['portcullis'], by])
        .sort(),
    ).toEqual([
      ['git.push', { event: 'audit' }, 'agent-bot'],
      ['repo.destroy', { event: 'audit' }, 'agent-bot'],
    ]);
    expect(only('github', { ...sampleJson('github-audit-policy_override.json'), actor_is_agent: true }).agent).toBe(
      true,
    );
    const elastic = { event: { dataset: 'github.audit', action: 'repo.destroy' }, user: { name: 'agent' } };
    expect(only('github', elastic)).toMatchObject({ root: { action: 'repo.destroy' }, by: 'agent' });
  });

  test('another action with a dot is none of GitHub', () => {
    expect(found('github', { action: 'repo.destroy' })).toEqual([]);
    expect(found('github', { action: 'deleted', actor: 'x' })).toEqual([]);
  });
});

describe('GitLab', () => {
  test('a push', () => {
    expect(derived('gitlab', sampleJson('gitlab-push-branch-deleted.json'))).toEqual({
      event: 'push',
      defaultBranch: true,
      deleted: true,
    });
    expect(derived('gitlab', sampleJson('gitlab-push-event.json'))).toEqual({ event: 'push', defaultBranch: true });
    const { project: _, ...other } = sampleJson('gitlab-push-branch-deleted.json');
    expect(derived('gitlab', { ...other, after: '0'.repeat(64) })).toEqual({ event: 'push', deleted: true });
    expect(derived('gitlab', { ...other, after: '0'.repeat(39) })).toEqual({ event: 'push' });
  });

  test('system hooks and the audit stream', () => {
    expect(derived('gitlab', sampleJson('gitlab-system-project-destroyed.json'))).toEqual({ event: 'project_destroy' });
    expect(derived('gitlab', sampleJson('gitlab-system-user-removed.json'))).toEqual({ event: 'user_destroy' });
    const audit = { event_type: 'project_destroyed', author_name: 'agent', entity_type: 'Project', entity_id: 1 };
    expect(only('gitlab', audit)).toMatchObject({ root: { portcullis: { event: 'project_destroyed' } }, by: 'agent' });
    expect(found('gitlab', { event_type: 'query_alert_monitor' })).toEqual([]);
  });

  test('all changes of a repository_update, of which there is no webhook', () => {
    const change = (ref: string, after: string) => ({ ref, before: 'a'.repeat(40), after });
    const body = {
      event_name: 'repository_update',
      project_id: 1,
      project: { default_branch: 'main' },
      changes: [change('refs/heads/main', '0'.repeat(40)), change('refs/heads/x', 'b'.repeat(40)), null],
    };
    const deeds = found('gitlab', body);
    expect(deeds.map(({ root }) => [root['ref'], root['portcullis']])).toEqual([
      ['refs/heads/main', { event: 'repository_update', defaultBranch: true, deleted: true }],
      ['refs/heads/x', { event: 'repository_update' }],
    ]);
    expect(new Set(deeds.map(({ origin }) => origin)).size).toBe(2);
  });
});

describe('Falco', () => {
  const event = {
    rule: 'K8s Namespace Deleted',
    priority: 'Informational',
    output: 'K8s Namespace Deleted (user=agent)',
    output_fields: { 'ka.target.name': 'prod', 'ka.user.name': 'agent', 'ka.response.code': '200' },
  };

  test('the output fields as a tree', () => {
    expect(only('falco', event)).toMatchObject({
      root: { rule: 'K8s Namespace Deleted', portcullis: { fields: { ka: { target: { name: 'prod' } } } } },
      by: 'agent',
    });
    const refused = { ...event, output_fields: { ...event.output_fields, 'ka.response.code': '403' } };
    expect(only('falco', refused).refused).toBe(true);
  });

  test('the labels falcosidekick makes of it', () => {
    const labels = { rule: 'x', priority: 'Notice', source: 'falco', ka_target_name: 'prod', proc_cmdline: 'rm -rf /' };
    expect(only('falco', { labels })).toMatchObject({
      root: { rule: 'x', portcullis: { fields: { ka: { target: { name: 'prod' } } } } },
    });
    expect(found('command', { labels }).map(({ root }) => root['text'])).toContain('rm -rf /');
  });

  test("a rule and a priority alone are anybody's", () => {
    expect(found('falco', { rule: 'x', priority: 'P1' })).toEqual([]);
  });
});

describe('findings', () => {
  test.each([
    ['guardduty-finding-detail-sev8.json', 'guardduty', ['PrivilegeEscalation:IAMUser/AdministrativePermissions']],
    ['gcp-scc-finding-active.json', 'scc', ['PUBLIC_BUCKET_ACL']],
    [
      'ocsf-2004-detection_finding-sechub-guardduty.json',
      'ocsf',
      ['TTPs/Defense Evasion/Stealth:IAMUser-CloudTrailLoggingDisabled'],
    ],
    ['ocsf-6003-api_activity-cloudtrail.json', 'ocsf', []],
  ])('%s', (name, from, types) => {
    expect(derived('finding', sampleJson(name))).toEqual({ from, types });
  });

  test('Security Hub', () => {
    const alert = { detail: { findings: [{ ProductArn: 'arn:aws:…', Types: ['Effects/Data Destruction', 5] }] } };
    expect(derived('finding', alert)).toEqual({ from: 'securityhub', types: ['Effects/Data Destruction'] });
  });

  test('an agent of AI, as OCSF 1.9 names it', () => {
    const event = { class_uid: 6003, status_id: 2, actor: { ai_agent: { uid: 'agent-42' }, user: { name: 'svc' } } };
    expect(only('finding', event)).toMatchObject({ agent: true, refused: true, by: 'svc' });
    expect(only('finding', { ...event, actor: { ai_agent: null } }).agent).toBeUndefined();
    // Of a finding 2 means that somebody is at it.
    expect(only('finding', { ...event, class_uid: 2004 }).refused).toBeUndefined();
  });

  test('a type with a colon and a slash alone is no finding', () => {
    expect(found('finding', { type: 'a:b/c' })).toEqual([]);
    expect(found('finding', { category: 'x', name: 'y' })).toEqual([]);
  });
});

test.each([
  ['vercel', 'project.removed', sampleJson('vercel-project-removed.json')],
  [
    'databricks',
    'deleteTable',
    { serviceName: 'unityCatalog', actionName: 'deleteTable', userIdentity: { email: 'x@example.com' } },
  ],
  ['neon', 'delete_timeline', { id: '1', project_id: 'p', action: 'delete_timeline', status: 'finished' }],
  ['railway', 'volume.delete', { id: '1', eventType: 'volume.delete', workspaceId: 'w', payload: {} }],
] as const)('the platform %s', (name, operation, alert) => {
  expect(derived('platform', alert)).toEqual({ platform: name, operation });
});

test('Databricks says who was refused', () => {
  const entry = { serviceName: 's', actionName: 'deleteTable', response: { statusCode: 403 }, userAgent: 'mcp' };
  expect(only('platform', entry)).toMatchObject({ refused: true, through: 'mcp' });
});

describe('HTTP', () => {
  const roots = (alert: JsonObject) => found('http', alert).map(({ root }) => root);

  test.each([
    [{ method: 'delete', url: 'https://API.Vercel.com:443/v9/projects/p?x=1' }, 'api.vercel.com', '/v9/projects/p'],
    [{ method: 'DELETE', host: 'Api.vercel.com.', path: '/v9/projects/p?x=1' }, 'api.vercel.com', '/v9/projects/p'],
    [{ ':method': 'DELETE', ':authority': 'api.vercel.com:8443', ':path': '/v9/x' }, 'api.vercel.com', '/v9/x'],
    [{ requestMethod: 'DELETE', requestUrl: 'https://api.vercel.com/v9/x' }, 'api.vercel.com', '/v9/x'],
    [{ request_method: 'DELETE', host: 'api.vercel.com', request_uri: '/v9/%78' }, 'api.vercel.com', '/v9/x'],
    [{ 'http.request.method': 'DELETE', 'url.full': 'https://api.vercel.com/v9/x' }, 'api.vercel.com', '/v9/x'],
    [{ method: 'DELETE', host: 'a', path: '/%zz' }, 'a', '/%zz'],
  ])('%j', (alert, host, path) => {
    expect(roots(alert)).toEqual([{ method: 'DELETE', host, path }]);
  });

  test('what is no call', () => {
    expect(found('http', { method: 'tools/call', path: '/x' })).toEqual([]);
    expect(found('http', { method: 'DELETE' })).toEqual([]);
    expect(found('http', { method: { DELETE: 1 }, url: 5 })).toEqual([]);
  });

  test('a call that was answered with 4xx did nothing', () => {
    expect(only('http', { method: 'DELETE', url: 'https://x/y', status: 403 }).refused).toBe(true);
    expect(only('http', { method: 'DELETE', url: 'https://x/y', status: '502' }).refused).toBeUndefined();
  });

  const query = 'mutation Harmless { nothing: volumeDelete(volumeId: "v") }';
  test.each([
    ['an object', { query }],
    ['JSON', JSON.stringify({ query, operationName: 'Harmless' })],
    ['a batch', [{ query: '{ me }' }, { query }]],
    ['the query alone', query],
  ])('a mutation in the body, which is %s', (_, body) => {
    const call = { method: 'POST', host: 'backboard.railway.com', path: '/graphql/v2' };
    expect(roots({ method: 'POST', url: 'https://backboard.railway.com/graphql/v2', body })).toContainEqual({
      ...call,
      operation: 'volumeDelete',
    });
  });

  test('a mutation by itself', () => {
    expect(roots({ query })).toEqual([{ operation: 'volumeDelete' }]);
  });
});

test('an alert that tells of too much is not taken for harmless', () => {
  const alert = { all: Array.from({ length: 12_000 }, () => ({ eventSource: 's3.amazonaws.com', eventName: 'X' })) };
  expect(deedsIn(alert).unseen).toMatch(/more than/);
});

test('a command longer than anybody types hides nothing that stands beside it, and is not taken for harmless', () => {
  const alert = {
    eventSource: 'rds.amazonaws.com',
    eventName: 'X',
    command: 'a'.repeat((4 << 20) + 1),
    tool: 'Bash',
    input: {},
  };
  const { deeds, unseen } = deedsIn(alert);
  expect(unseen).toMatch(/longer than anybody types/);
  expect(deeds.map(({ on }) => on).sort()).toEqual(['alert', 'aws', 'tool']);
});

test('what is found before it becomes too much is judged all the same', () => {
  const query = `mutation { volumeDelete ${Array.from({ length: 12_000 }, (_, index) => `a${index}`).join(' ')} }`;
  const { deeds, unseen } = deedsIn({ query });
  expect(unseen).toMatch(/more than/);
  expect(deeds).toContainEqual(expect.objectContaining({ on: 'http', root: { operation: 'volumeDelete' } }));
});

test('the mark without its underscore, which CloudEvents does not allow', () => {
  expect(only('mark', { specversion: '1.0', airgapaction: 'drop' })).toBeDefined();
  expect(found('mark', { airgapaction: 'keep' })).toEqual([]);
});
