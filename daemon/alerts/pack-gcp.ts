import { any, is, like, OURS, type PackRule, rulesOn, there } from './pack-words.ts';

const { trip, rate } = rulesOn('gcp');

const method = (...names: readonly string[]) => is('protoPayload.methodName', ...names);
/** Names carry the version of the interface: v1.compute.disks.delete, beta.compute.disks.delete. */
const methodLike = (end: string) => like('protoPayload.methodName', `(?i)(?:^|[./])(?:${end})$`);
/** A job of BigQuery whose SQL is of one of these kinds. */
const statement = (...kinds: readonly string[]) =>
  any(
    is('protoPayload.metadata.jobChange.job.jobConfig.queryConfig.statementType', ...kinds),
    is('protoPayload.metadata.jobInsertion.job.jobConfig.queryConfig.statementType', ...kinds),
  );

/** Google Cloud, by its audit logs. */
export const GCP_RULES: readonly PackRule[] = [
  trip(
    'gcp.sql',
    'A Cloud SQL instance, database or backup is being deleted.',
    'sigma f346bbd5; falco gcpaudit "Cloud SQL database deleted"; databases: ours',
    methodLike('(?:cloud)?sql\\.(?:instances|databases|backupRuns|backups)\\.delete|CloudSqlInstances\\.Delete'),
  ),
  trip(
    'gcp.bucket',
    'A Cloud Storage bucket is being deleted.',
    'elastic/detection-rules bc0f2d83; sigma 4d9f2ee2; falco "GCP Bucket deleted"',
    method('storage.buckets.delete'),
  ),
  rate(
    'gcp.objects',
    'Cloud Storage objects are being deleted.',
    'panther-analysis GCP.GCS.BulkDeletion',
    method('storage.objects.delete'),
    { rate: { count: 10, within: '1h' } },
  ),
  trip(
    'gcp.kms',
    'A version of a Cloud KMS key is being destroyed, and with it all that it encrypts.',
    'falco "GCP KMS deleted"',
    methodLike('DestroyCryptoKeyVersion'),
  ),
  trip(
    'gcp.disk',
    'A disk, snapshot or image of Compute Engine is being deleted.',
    OURS,
    methodLike(
      'compute\\.(?:disks|regionDisks|snapshots|regionSnapshots|images|machineImages|instantSnapshots)\\.delete',
    ),
  ),
  rate('gcp.vm', 'Machines of Compute Engine are being deleted.', OURS, methodLike('compute\\.instances\\.delete')),
  trip(
    'gcp.gke',
    'A Kubernetes cluster of Google is being deleted.',
    OURS,
    methodLike('ClusterManager\\.DeleteCluster'),
  ),
  trip(
    'gcp.project',
    'A Google Cloud project or folder is being deleted with all that is in it.',
    OURS,
    methodLike('(?:Projects\\.)?DeleteProject|(?:Folders\\.)?DeleteFolder|projects\\.delete'),
  ),
  trip(
    'gcp.stores',
    'A database of Google Cloud, or its backup, is being deleted.',
    OURS,
    methodLike(
      'DatabaseAdmin\\.(?:DropDatabase|DeleteBackup)|InstanceAdmin\\.DeleteInstance|BigtableInstanceAdmin\\.Delete\\w+|' +
        'BigtableTableAdmin\\.(?:DeleteTable|DropRowRange|DeleteBackup)|FirestoreAdmin\\.(?:DeleteDatabase|DeleteBackup|BulkDeleteDocuments)|' +
        'AlloyDBAdmin\\.Delete(?:Cluster|Instance|Backup)|CloudFilestoreManager\\.Delete(?:Instance|Backup|Snapshot)|' +
        'CloudRedis\\.DeleteInstance|BackupDR\\.Delete\\w+|BackupForGKE\\.Delete(?:Backup|BackupPlan)',
    ),
  ),
  trip(
    'gcp.bq',
    'A BigQuery table or dataset is being dropped or emptied.',
    'panther-analysis GCP.Destructive.Queries; deletions outside a query: ours',
    any(
      statement(
        'DROP_TABLE',
        'TRUNCATE_TABLE',
        'DROP_SCHEMA',
        'DROP_VIEW',
        'DROP_MATERIALIZED_VIEW',
        'DROP_SNAPSHOT_TABLE',
      ),
      there('protoPayload.metadata.tableDeletion'),
      there('protoPayload.metadata.datasetDeletion'),
    ),
  ),
  rate(
    'gcp.bq.delete',
    'Rows of BigQuery are being deleted.',
    'panther-analysis GCP.Destructive.Queries',
    statement('DELETE'),
  ),
  trip(
    'gcp.sink',
    'Logs of Google Cloud, or what sends them on, are being deleted: what comes next would not be seen.',
    'panther-analysis gcp_log_bucket_or_sink_deleted; falco "GCP logging sink deleted"; subscriptions: ours',
    methodLike(
      'ConfigServiceV\\d\\.Delete(?:Sink|Bucket|View)|LoggingServiceV\\d\\.DeleteLog|Publisher\\.DeleteTopic|' +
        'Subscriber\\.DeleteSubscription|NotificationChannelService\\.DeleteNotificationChannel|AlertPolicyService\\.DeleteAlertPolicy',
    ),
  ),
];
