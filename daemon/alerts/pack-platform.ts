import { all, any, each, is, like, none, type PackRule, rulesOn, there } from './pack-words.ts';

const alert = rulesOn('alert');
const falco = rulesOn('falco');
const finding = rulesOn('finding');
const platform = rulesOn('platform');
const http = rulesOn('http');
const tool = rulesOn('tool');

/** Where systems write the name of the rule that raised an alert, or its title. */
const NAMED = [
  'rule',
  'rule.name',
  'rule.description',
  'ruleName',
  'rule_name',
  'search_name',
  'title',
  'alert_name',
  'alertname',
  'labels.alertname',
  'event.data.title',
  'object.properties.title',
  'kibana.alert.rule.name',
];
/** In parts, because the configuration accepts no longer expressions. */
const named = (...names: readonly string[]) =>
  any(...NAMED.flatMap((path) => half(names).map((some) => like(path, `(?i)(?:${some.join('|')})`))));
const half = (names: readonly string[]) => [names.slice(0, names.length / 2), names.slice(names.length / 2)];

/** The names under which the public rule sets tell of what certainly destroys. */
const NAMES_THAT_TRIP = [
  'AWS RDS (?:DB )?(?:Instance|Cluster|Snapshot|Automated Backup)[^"]{0,40}Delet(?:ed|ion)',
  'AWS RDS Deletion Protection Disabled',
  'AWS S3 (?:Bucket (?:Deleted|Expiration Lifecycle Configuration Added|Versioning Disabled|Replication Deleted)|Object Encryption Using External KMS Key|Unusual SSE-C Usage|Versioning Suspended)',
  'AWS (?:KMS )?Customer Managed Key (?:Disabled|Loss)',
  'AWS KMS Imported Key Material Deletion',
  'AWS Backup (?:Recovery Point|Vault)[^"]{0,40}Delet',
  'AWS EFS File ?System[^"]{0,20}Delet',
  'AWS CloudTrail (?:Log Deleted|Log Suspended|Logging (?:Stopped|Disabled))',
  'AWS CloudWatch Log Group Deletion',
  'Azure (?:Resource Group|Storage Account|VM Snapshot|Disk|SQL Server|Key Vault|Restore Point Collection|Compute Snapshot|Compute Restore Point)[^"]{0,40}Delet',
  'Azure Key ?Vault[^"]{0,20}Purged',
  'GCP (?:Storage Bucket|Logging (?:Bucket|Sink)|Bucket|KMS|Log Bucket or Sink)[^"]{0,20}Delet',
  'Google Cloud (?:Storage Buckets|SQL Database) Deleted',
  'Cloud SQL (?:database|instance)[^"]{0,20} deleted',
  'GitHub Repo(?:sitory)? Deleted',
  'Volume Shadow Copy Delet',
  'Shadow Copies Deletion Using Operating Systems Utilities',
  'Deleting Backup Catalogs with Wbadmin',
  'Third-party Backup Files Deleted',
  'File Deletion via Shred',
  'MSSQL Destructive Query',
  'DD File Overwrite',
  'Delete Repository',
  'K8s Namespace Deleted',
  'Remove Bulk Data from Disk',
];
/** Those of what may be everyday work, or where the name does not say whether something was changed or deleted. */
const NAMES_THAT_COUNT = [
  '(?:Modified or Deleted|Created or Deleted)$',
  'AWS S3 (?:Delete Objects?|Objects? Deleted)',
  'K8s (?:Deployment|Secret|ConfigMap|Service|Serviceaccount) Deleted',
  'Deployment Deleted From Kubernetes Cluster',
  'Kubernetes Secrets? (?:Modified or )?Deleted',
  'Destructive (?:Activities|Queries)',
  'Blob Bulk Deletion|GCS Bulk Deletion|Multiple (?:Azure|AWS|GCP)[^"]{0,60}Delet',
];

/** Hosts of platforms at which a DELETE takes away what data lives in, and the paths of that. */
const PLATFORMS: readonly (readonly [host: string, path: string])[] = [
  ['api\\.digitalocean\\.com', '/v2/(?:databases|volumes|droplets|snapshots|kubernetes/clusters|spaces)(?:/|$)'],
  ['api\\.heroku\\.com', '/(?:apps|addons)/[^/]+(?:/addons/[^/]+)?/?$'],
  ['api\\.machines\\.dev', '/v1/apps/[^/]+(?:/volumes/[^/]+)?/?$'],
  ['api\\.planetscale\\.com', '/v1/organizations/[^/]+/databases/'],
  ['api\\.render\\.com', '/v1/(?:postgres|redis|key-value|disks|services)/[^/]+/?$'],
  ['api\\.cloudflare\\.com', '/(?:d1/database|r2/buckets|storage/kv/namespaces|vectorize)/[^/]+|/zones/[^/]+/?$'],
  ['api\\.hetzner\\.cloud', '/v1/(?:servers|volumes|images)/[^/]+/?$'],
  ['api\\.linode\\.com', '/v4\\w*/(?:volumes|linode/instances|databases|object-storage/buckets|lke/clusters)/'],
  ['api\\.vultr\\.com', '/v2/(?:instances|blocks|databases|snapshots)/'],
  ['cloud\\.mongodb\\.com', '/groups/[^/]+(?:/(?:clusters|backup|serverless)[^?]*)?$'],
  ['api\\.turso\\.tech', '/databases/[^/]+/?$'],
  ['api\\.upstash\\.com', '/v2/(?:redis/database|vector/index|kafka/cluster)/'],
  ['api\\.aiven\\.io', '/v1/project/[^/]+(?:/service/[^/]+)?/?$'],
  ['api\\.pinecone\\.io', '/(?:indexes|collections|backups)/[^/]+/?$'],
  ['api\\.netlify\\.com', '/api/v1/sites/[^/]+/?$'],
  ['api\\.github\\.com', '/(?:repos/[^/]+/[^/]+|orgs/[^/]+)/?$'],
  ['(?:[\\w.-]+\\.)?gitlab\\.[\\w.-]+', '/api/v4/(?:projects|groups)/[^/]+/?$'],
  [
    'management\\.azure\\.com',
    '/resourcegroups/[^/]+/?$|/providers/(?:microsoft\\.(?:storage|sql|dbfor\\w+|documentdb|recoveryservices|keyvault)/|microsoft\\.compute/(?:disks|snapshots)/)',
  ],
  ['sqladmin\\.googleapis\\.com', '/instances/'],
  [
    '(?:compute|container|cloudresourcemanager|bigquery|spanner)\\.googleapis\\.com',
    '/(?:disks|snapshots|clusters|projects|datasets|instances|databases)/[^/]+/?$',
  ],
  ['storage\\.googleapis\\.com', '/b/[^/]+/?$'],
  ['app\\.terraform\\.io', '/api/v2/(?:workspaces|organizations)/'],
];

const RAILWAY = is(
  'operation',
  'volumeDelete',
  'volumeInstanceBackupDelete',
  'volumeInstanceBackupScheduleUpdate',
  'projectDelete',
  'projectScheduleDelete',
  'environmentDelete',
  'serviceDelete',
  'bucketDelete',
);

const THING =
  'data(?:base|set|store)|db|schema|keyspace|table|collection|index|volume|disk|bucket|backup|snapshot|project|repo(?:sitory)?|' +
  'cluster|namespace|instance|server|service|environment|app(?:lication)?|stack|tenant|org(?:anization)?|account|storage|vault|' +
  'workspace|droplet|vm|machine|domain|zone|kms_?key|resource_?group|all|everything|pvc|persistent_?volume(?:_?claim)?';
const DESTROYS = 'delete|destroy|drop|purge|wipe|truncate|erase|nuke|remove|terminate|rm';

/** What systems tell that judge for themselves, platforms, the tools of agents, and what leaves through a proxy. */
export const PLATFORM_RULES: readonly PackRule[] = [
  alert.trip(
    'siem.name',
    'A rule of another system tells that data, a backup or what guards them is being destroyed.',
    'names of rules in SigmaHQ/sigma, elastic/detection-rules, panther-analysis and falcosecurity/rules',
    named(...NAMES_THAT_TRIP),
  ),
  alert.rate(
    'siem.name.count',
    'A rule of another system tells of deletions.',
    'names of rules in SigmaHQ/sigma, elastic/detection-rules, panther-analysis and falcosecurity/plugins',
    named(...NAMES_THAT_COUNT),
  ),
  falco.trip(
    'host.bulk',
    'Falco saw a disk or much data being wiped.',
    'falcosecurity/rules, Remove Bulk Data from Disk',
    is('rule', 'Remove Bulk Data from Disk'),
  ),
  falco.trip(
    'falco.deleted',
    'Falco saw a namespace, a repository, a bucket, a database, a key or a log being deleted.',
    'falcosecurity/plugins: k8s_audit, github, gcpaudit, cloudtrail',
    like(
      'rule',
      '(?i)^(?:K8s Namespace Deleted|Delete Repository|.*\\b(?:Bucket|KMS|Cloud SQL|database|instance|logging sink|trail)\\b.*\\b(?:deleted|destroyed)|CloudTrail Logging Disabled|.*Delete (?:Bucket|Cluster|Trail)\\b.*)$',
    ),
  ),
  falco.rate(
    'falco.deleted.count',
    'Falco saw resources of Kubernetes being deleted.',
    'falcosecurity/plugins, k8s_audit',
    like(
      'rule',
      '(?i)^K8s (?:Deployment|Secret|ConfigMap|Service|Serviceaccount|Role/Clusterrole|Role/Clusterrolebinding) Deleted$',
    ),
  ),
  falco.context(
    'falco.traces',
    'Falco saw traces being removed.',
    'falcosecurity/rules',
    is('rule', 'Clear Log Activities', 'Delete or rename shell history', 'Delete Bash History'),
  ),
  finding.trip(
    'finding.delete',
    'A detector found that data or backups are being destroyed.',
    'Amazon GuardDuty and Security Command Center, types of findings; MITRE ATT&CK T1485, T1490',
    each(
      'portcullis.types',
      like(
        '',
        '(?i)Impact:(?:S3[/-](?:AnomalousBehavior\\.Delete|ObjectDelete\\.Unusual|MaliciousIPCaller)|IAMUser[/-]AnomalousBehavior)|' +
          '(?:Impact|Inhibit System Recovery|Data Destruction): .*(?:delet|remov|expir|reduc)|\\bdata.?destruction\\b|inhibit.?system.?recovery|\\bT14(?:85|90)\\b',
      ),
    ),
  ),
  finding.trip(
    'finding.blind',
    'A detector found that logs are being switched off: what comes next would not be seen.',
    'Amazon GuardDuty, types of findings',
    each('portcullis.types', like('', '(?i)Stealth:')),
  ),
  finding.context(
    'finding.impact',
    'A detector found that somebody is doing harm.',
    'Amazon GuardDuty, types of findings',
    each('portcullis.types', like('', '(?i)\\b(?:Impact|AttackSequence):')),
  ),
  platform.trip(
    'vercel',
    'A project or a store on Vercel has been deleted.',
    'Vercel, webhook reference',
    all(is('portcullis.platform', 'vercel'), is('portcullis.operation', 'project.removed', 'storage.removed')),
  ),
  platform.trip(
    'neon.operation',
    'A database of Neon is being deleted.',
    'Neon, API reference: actions of operations',
    all(is('portcullis.platform', 'neon'), is('portcullis.operation', 'delete_timeline', 'delete_tenant')),
  ),
  platform.trip(
    'railway.audit',
    'A volume, its backups, a project, an environment or a service on Railway is being deleted.',
    'Railway, audit log of a workspace',
    all(
      is('portcullis.platform', 'railway'),
      like(
        'portcullis.operation',
        '(?i)^(?:volume|volumeInstanceBackup|project|environment|service|bucket)[._:-]?(?:Schedule)?Deleted?$',
      ),
    ),
  ),
  platform.rate(
    'databricks',
    'Tables or other things in Databricks are being deleted.',
    'panther-analysis Databricks.Audit.DestructiveActivities',
    all(
      is('portcullis.platform', 'databricks'),
      like('portcullis.operation', '(?i)^(?:delete|drop|trash|destroy|purge)'),
    ),
    { rate: { count: 50, within: '1d' } },
  ),
  http.trip(
    'railway.volume',
    'Railway is asked to delete a volume, its backups, a project, an environment or a service.',
    'Railway, GraphQL reference; the incident of 25 April 2026',
    all(RAILWAY, any(like('host', '(?:^|\\.)railway\\.(?:app|com)$'), none(there('host')))),
  ),
  http.trip(
    'neon',
    'Neon is asked to delete a project, a branch or a database.',
    'Neon, API reference',
    all(
      is('method', 'DELETE'),
      like('path', '^(?:/api/v2|/v2)?/projects/[^/]+(?:/(?:branches|snapshots)/[^/]+(?:/databases/[^/]+)?)?/?$'),
      any(like('host', '(?:^|\\.)neon\\.tech$'), all(none(there('host')), like('path', '^/api/v2/'))),
    ),
  ),
  http.trip(
    'supabase',
    'Supabase is asked to delete a project or a branch, or to reset one.',
    'Supabase, management API',
    all(
      like('host', '(?:^|\\.)supabase\\.(?:com|io|green)$'),
      any(
        all(is('method', 'DELETE'), like('path', '^/(?:platform|v1)/(?:projects|branches)/[^/]+/?$')),
        all(is('method', 'POST'), like('path', '^/v1/branches/[^/]+/reset$')),
      ),
    ),
  ),
  http.trip(
    'vercel.api',
    'Vercel is asked to delete a project or a store.',
    'Vercel, API reference',
    all(
      is('method', 'DELETE'),
      like('host', '(?:^|\\.)vercel\\.com$'),
      like('path', '^/v\\d+/(?:projects/[^/]+/?$|storage/stores/)'),
    ),
  ),
  http.trip(
    'egress.platform',
    'A platform is asked to delete what data lives in.',
    'ours, after the API references of the platforms',
    all(
      is('method', 'DELETE'),
      any(...PLATFORMS.map(([host, path]) => all(like('host', `^${host}$`), like('path', `(?i)${path}`)))),
    ),
  ),
  http.rate(
    'egress.delete',
    'Requests that delete are leaving the network.',
    'ours; panther-analysis Databricks.Audit.DestructiveActivities made general',
    all(
      any(is('method', 'DELETE'), like('operation', '(?i)(?:delete|destroy|drop|purge|truncate|wipe)\\w*$')),
      none(is('host', 'localhost', '127.0.0.1', '::1', '[::1]')),
    ),
  ),
  tool.trip(
    'tool.destroy',
    'An agent calls a tool that deletes a database, a volume, a backup, a project or the like.',
    'ours, after the tools of the MCP servers of Neon, Supabase, Railway, AWS, Kubernetes, GitHub',
    any(
      like(
        'tool',
        `(?i)(?:^|[^a-z]|[a-z]__)(?:${DESTROYS})[_.:-]?(?:(?:the|a|all|my|\\w{1,20})[_.:-])?(?:${THING})s?(?:$|[^a-z]|_)`,
      ),
      like('tool', `(?i)(?:^|[^a-z])(?:${THING})s?[_.:-]?(?:delete|destroy|drop|purge|wipe|truncate)d?(?:$|[^a-z])`),
      like(
        'tool',
        '(?:delete|destroy|drop|purge|wipe|truncate)(?:Database|Db|Schema|Table|Collection|Volume|Disk|Bucket|Backup|Snapshot|Project|Repo|Cluster|Namespace|Instance|Server|Service|Environment|App|Stack|Tenant|Org|Account|All)',
      ),
    ),
    { except: like('tool', '(?i)undelete|restore|_?logs?$|comment|_item|rule|label') },
  ),
  tool.trip(
    'tool.reset',
    'An agent calls a tool that resets a database.',
    'ours, after the tools of the MCP servers of Supabase and Prisma',
    like(
      'tool',
      '(?i)(?:reset[_.:-]?(?:the[_.:-])?(?:database|db|branch|schema|project|all)|(?:database|db|branch|migrate)[_.:-]?reset)s?(?:$|[^a-z])',
    ),
  ),
  tool.rate(
    'tool.delete',
    'An agent calls tools that delete.',
    'ours; panther-analysis Notion.PageDeletion made general',
    all(
      any(
        like('tool', '(?i)(?:^|[^a-z])(?:delete|destroy|drop|purge|wipe|truncate|erase|trash|archive)(?:$|[^a-z])'),
        like('tool', '(?:delete|destroy|drop|purge|wipe)[A-Z]'),
      ),
      none(like('tool', '(?i)undelete|restore')),
    ),
    { rate: { count: 20, within: '10m' } },
  ),
];
