import type { Fixtures } from './fixtures.ts';

const falco = (rule: string) => ({
  time: '2026-04-25T10:00:00Z',
  rule,
  priority: 'Warning',
  source: 'syscall',
  output: 'x',
  output_fields: { 'proc.name': 'x', 'ka.target.name': 'prod' },
});
const guardduty = (type: string) => ({
  source: 'aws.guardduty',
  'detail-type': 'GuardDuty Finding',
  detail: { type, severity: 8, accountId: '1', service: { serviceName: 'guardduty' } },
});
const scc = (category: string) => ({
  finding: { name: 'organizations/1/sources/2/findings/3', category, state: 'ACTIVE' },
});
const call = (method: string, url: string) => ({ method, url });
const tool = (tool_name: string, tool_input: object = {}) => ({ hook_event_name: 'PreToolUse', tool_name, tool_input });
const tools = (...names: readonly string[]) => names.map((name) => tool(name));
const graphql = (query: string) => ({
  method: 'POST',
  url: 'https://backboard.railway.app/graphql/v2',
  body: { query },
});
const vercel = (type: string) => ({ type, id: 'x', createdAt: 1, payload: { user: { id: 'u' } } });
const neon = (action: string) => ({ id: 'x', project_id: 'p', action, status: 'running' });
const databricks = (actionName: string) => ({
  serviceName: 'unityCatalog',
  actionName,
  userIdentity: { email: 'a@b.c' },
});
const railway = (eventType: string) => ({ eventType, workspaceId: 'w' });

export const PLATFORM: Fixtures = {
  'siem.name': {
    trips: [
      { rule: { name: 'AWS RDS DB Instance or Cluster Deleted' } },
      { search_name: 'AWS S3 Bucket Deleted', result: {} },
      { title: 'Azure Resource Group Deleted' },
      { labels: { alertname: 'Volume Shadow Copy Deleted or Resized via VssAdmin' } },
      { rule: 'K8s Namespace Deleted' },
      { object: { properties: { title: 'GitHub Repository Deleted' } } },
    ],
    passes: [
      { rule: { name: 'AWS RDS Instance Created' } },
      { title: 'High CPU' },
      { search_name: 'AWS EKS Cluster Created or Deleted' },
      { body: 'AWS S3 Bucket Deleted' },
    ],
  },
  'siem.name.count': {
    trips: [{ rule: { name: 'AWS EKS Cluster Created or Deleted' } }, { title: 'K8s Secret Deleted' }],
    passes: [{ title: 'Deleted' }, { rule: { name: 'Deployment Created' } }],
  },
  'host.bulk': { trips: [falco('Remove Bulk Data from Disk')], passes: [falco('Terminal shell in container')] },
  'falco.deleted': {
    trips: [
      falco('K8s Namespace Deleted'),
      falco('Delete Repository'),
      falco('GCP Bucket deleted'),
      falco('GCP logging sink deleted'),
    ],
    passes: [falco('K8s Namespace Created'), falco('K8s Deployment Deleted'), falco('Undelete something')],
  },
  'falco.deleted.count': { trips: [falco('K8s Deployment Deleted')], passes: [falco('K8s Deployment Created')] },
  'falco.traces': { trips: [falco('Clear Log Activities')], passes: [falco('Read sensitive file untrusted')] },
  'finding.delete': {
    trips: [
      guardduty('Impact:S3/AnomalousBehavior.Delete'),
      guardduty('Impact:IAMUser/AnomalousBehavior'),
      scc('Impact: Deleted Google Cloud Backup and DR Vault'),
      scc('Inhibit System Recovery: Google Cloud Backup and DR delete policy'),
    ],
    passes: [
      guardduty('Recon:EC2/PortProbeUnprotectedPort'),
      guardduty('Impact:EC2/BitcoinDomainRequest.Reputation'),
      scc('PUBLIC_BUCKET_ACL'),
    ],
  },
  'finding.blind': {
    trips: [
      guardduty('Stealth:IAMUser/CloudTrailLoggingDisabled'),
      guardduty('Stealth:S3/ServerAccessLoggingDisabled'),
    ],
    passes: [guardduty('Policy:S3/BucketAnonymousAccessGranted')],
  },
  'finding.impact': {
    trips: [guardduty('AttackSequence:S3/CompromisedData'), guardduty('Impact:EC2/PortSweep')],
    passes: [guardduty('Discovery:S3/AnomalousBehavior')],
  },
  vercel: { trips: [vercel('project.removed')], passes: [vercel('deployment.created')] },
  'neon.operation': { trips: [neon('delete_timeline'), neon('delete_tenant')], passes: [neon('start_compute')] },
  'railway.audit': {
    trips: [railway('volumeDelete'), railway('project.deleted')],
    passes: [railway('volumeCreate'), railway('deploymentRemove')],
  },
  databricks: {
    trips: [databricks('deleteTable'), databricks('dropSchema'), databricks('trashNotebook')],
    passes: [databricks('undeleteTable'), databricks('restoreTable'), databricks('getTable')],
  },
  'railway.volume': {
    trips: [
      graphql('mutation { volumeDelete(volumeId: "x") }'),
      graphql('mutation Harmless { a: volumeDelete(volumeId: "x") }'),
      {
        command: `curl https://backboard.railway.com/graphql/v2 -d '{"query":"mutation { projectDelete(id: \\"x\\") }"}'`,
      },
    ],
    passes: [graphql('query { volumeDelete }'), graphql('mutation { volumeCreate(input: {}) { id } }')],
  },
  neon: {
    trips: [
      call('DELETE', 'https://console.neon.tech/api/v2/projects/p'),
      call('DELETE', 'https://console.neon.tech/api/v2/projects/p/branches/b/databases/d'),
      { command: 'curl -X DELETE https://console.neon.tech/api/v2/projects/p' },
    ],
    passes: [
      call('GET', 'https://console.neon.tech/api/v2/projects/p'),
      call('DELETE', 'https://console.neon.tech/api/v2/projects/p/endpoints/e'),
      call('DELETE', 'https://neon.tech.example/api/v2/projects/p'),
    ],
  },
  supabase: {
    trips: [
      call('DELETE', 'https://api.supabase.com/v1/projects/abc'),
      { command: 'curl --request=DELETE "https://api.supabase.com/v1/projects/abc"' },
    ],
    passes: [
      call('GET', 'https://api.supabase.com/v1/projects/abc'),
      call('DELETE', 'https://api.supabase.com/v1/projects/abc/secrets'),
    ],
  },
  'vercel.api': {
    trips: [
      call('DELETE', 'https://api.vercel.com/v9/projects/p'),
      call('DELETE', 'https://api.vercel.com/v1/storage/stores/s'),
    ],
    passes: [
      call('DELETE', 'https://api.vercel.com/v13/deployments/d'),
      call('GET', 'https://api.vercel.com/v9/projects/p'),
    ],
  },
  'egress.platform': {
    trips: [
      call('DELETE', 'https://api.digitalocean.com/v2/databases/d'),
      call('delete', 'https://api.github.com/repos/o/r'),
      { command: 'gh api -X DELETE repos/o/r' },
      { command: 'http DELETE https://gitlab.example.com/api/v4/projects/1' },
    ],
    passes: [
      call('DELETE', 'https://api.github.com/repos/o/r/labels/x'),
      call('GET', 'https://api.digitalocean.com/v2/databases/d'),
      call('DELETE', 'https://api.github.com.example/repos/o/r'),
    ],
  },
  'egress.delete': {
    trips: [
      call('DELETE', 'https://api.example.com/x/1'),
      { method: 'POST', url: 'https://x.example/graphql', body: { query: 'mutation { issueDelete(id: 1) { ok } }' } },
    ],
    passes: [call('POST', 'https://api.example.com/x'), call('DELETE', 'http://localhost:3000/todos/1')],
  },
  'tool.destroy': {
    trips: tools(
      'delete_database',
      'volume_delete',
      'mcp__railway__volume_delete',
      'mcp__neon__delete_project',
      'drop_table',
      'dropDatabase',
      'deleteBucket',
      'mcp__aws__delete_db_instance',
      'kubernetes.delete_namespace',
      'delete-repository',
      'destroy_environment',
    ).concat({ jsonrpc: '2.0', method: 'tools/call', params: { name: 'delete_database' } } as never),
    passes: tools(
      'list_databases',
      'create_volume',
      'delete_comment',
      'undelete_project',
      'restore_backup',
      'get_database',
      'delete_branch',
    ),
  },
  'tool.reset': {
    trips: tools('mcp__supabase__reset_branch', 'reset_database', 'migrate-reset', 'mcp__prisma__migrate-reset'),
    passes: tools('reset_password', 'migrate_dev'),
  },
  'tool.delete': {
    trips: tools('delete_file', 'mcp__github__delete_branch', 'deletePage', 'trash_page'),
    passes: tools('undelete_file', 'read_file', 'deleted_items_list', 'Bash'),
  },
};
