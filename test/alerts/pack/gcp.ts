import type { Fixtures } from './fixtures.ts';

/** An entry of the audit log. */
const done = (methodName: string, more: object = {}) => ({
  logName: 'projects/p/logs/cloudaudit.googleapis.com%2Factivity',
  severity: 'NOTICE',
  protoPayload: {
    '@type': 'type.googleapis.com/google.cloud.audit.AuditLog',
    authenticationInfo: { principalEmail: 'agent@p.iam.gserviceaccount.com' },
    serviceName: 'x.googleapis.com',
    methodName,
    resourceName: 'projects/p/x/y',
    ...more,
  },
});
const query = (statementType: string) =>
  done('google.cloud.bigquery.v2.JobService.InsertJob', {
    metadata: { jobChange: { job: { jobConfig: { type: 'QUERY', queryConfig: { statementType } } } } },
  });

const simple = (trips: readonly string[], passes: readonly string[]) => ({
  trips: trips.map((name) => done(name)),
  passes: passes.map((name) => done(name)),
});

export const GCP: Fixtures = {
  'gcp.sql': simple(
    ['cloudsql.instances.delete', 'cloudsql.backupRuns.delete', 'cloudsql.databases.delete'],
    ['cloudsql.instances.list', 'cloudsql.users.delete'],
  ),
  'gcp.bucket': simple(['storage.buckets.delete'], ['storage.buckets.update']),
  'gcp.objects': simple(['storage.objects.delete'], ['storage.objects.get']),
  'gcp.kms': simple(['DestroyCryptoKeyVersion'], ['RestoreCryptoKeyVersion', 'CreateCryptoKeyVersion']),
  'gcp.disk': simple(
    ['v1.compute.disks.delete', 'v1.compute.snapshots.delete', 'beta.compute.regionDisks.delete'],
    ['v1.compute.disks.insert', 'v1.compute.firewalls.delete'],
  ),
  'gcp.vm': simple(['v1.compute.instances.delete'], ['v1.compute.instances.stop']),
  'gcp.gke': simple(
    ['google.container.v1.ClusterManager.DeleteCluster', 'google.container.v1beta1.ClusterManager.DeleteCluster'],
    ['google.container.v1.ClusterManager.DeleteNodePool'],
  ),
  'gcp.project': simple(
    ['DeleteProject', 'google.cloud.resourcemanager.v3.Projects.DeleteProject'],
    ['UndeleteProject', 'google.cloud.resourcemanager.v3.Projects.UndeleteProject'],
  ),
  'gcp.stores': simple(
    [
      'google.spanner.admin.database.v1.DatabaseAdmin.DropDatabase',
      'google.bigtable.admin.v2.BigtableTableAdmin.DeleteTable',
      'google.firestore.admin.v1.FirestoreAdmin.DeleteDatabase',
    ],
    ['google.spanner.admin.database.v1.DatabaseAdmin.ListDatabases'],
  ),
  'gcp.bq': {
    trips: [
      query('DROP_TABLE'),
      query('TRUNCATE_TABLE'),
      done('google.cloud.bigquery.v2.TableService.DeleteTable', {
        metadata: { tableDeletion: { reason: 'TABLE_DELETE_REQUEST' } },
      }),
      done('google.cloud.bigquery.v2.DatasetService.DeleteDataset', { metadata: { datasetDeletion: {} } }),
    ],
    passes: [query('SELECT'), query('DELETE'), done('google.cloud.bigquery.v2.TableService.PatchTable')],
  },
  'gcp.bq.delete': { trips: [query('DELETE')], passes: [query('SELECT')] },
  'gcp.sink': simple(
    [
      'google.logging.v2.ConfigServiceV2.DeleteSink',
      'google.logging.v2.ConfigServiceV2.DeleteBucket',
      'google.pubsub.v1.Subscriber.DeleteSubscription',
    ],
    ['google.logging.v2.ConfigServiceV2.UpdateSink', 'google.pubsub.v1.Subscriber.Pull'],
  ),
};
