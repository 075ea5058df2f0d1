import { all, any, is, like, no, OURS, type PackRule, rulesOn } from './pack-words.ts';

const { trip, rate } = rulesOn('azure');

const operation = (...names: readonly string[]) => is('portcullis.operation', ...names);

/** What was asked for stands in the record as JSON in text; some collectors read it before they send it on. */
const asked = (setting: readonly string[], value: 'false') =>
  any(
    ...['requestbody', 'requestBody', 'responseBody'].flatMap((key) => [
      like(
        `properties.${key}`,
        `"${setting[0]}"\\s*:\\s*${setting[1] ? `\\{[^{}]*"${setting[1]}"\\s*:\\s*` : ''}${value}`,
      ),
      no(`properties.${key}.properties.${setting.join('.')}`),
    ]),
  );

/** Microsoft Azure, by the activity log and the logs of its resources. */
export const AZURE_RULES: readonly PackRule[] = [
  trip(
    'az.rg',
    'A resource group of Azure is being deleted with all that is in it.',
    'elastic/detection-rules bb4fe8d2; panther-analysis azure_resource_group_deleted',
    operation('MICROSOFT.RESOURCES/SUBSCRIPTIONS/RESOURCEGROUPS/DELETE'),
  ),
  trip(
    'az.snap',
    'A snapshot of an Azure disk is being deleted.',
    'elastic/detection-rules d4e5f6a7; panther-analysis azure_vm_snapshot_deleted',
    operation('MICROSOFT.COMPUTE/SNAPSHOTS/DELETE'),
  ),
  trip(
    'az.rpc',
    'Restore points of an Azure machine are being deleted.',
    'elastic/detection-rules c1a3e2f0',
    operation(
      'MICROSOFT.COMPUTE/RESTOREPOINTCOLLECTIONS/DELETE',
      'MICROSOFT.COMPUTE/RESTOREPOINTCOLLECTIONS/RESTOREPOINTS/DELETE',
    ),
  ),
  trip(
    'az.disk',
    'An Azure disk is being deleted.',
    'panther-analysis azure_disk_deleted',
    operation('MICROSOFT.COMPUTE/DISKS/DELETE'),
  ),
  rate(
    'az.vm',
    'Azure machines are being deleted.',
    'panther-analysis azure_vm_deleted',
    operation('MICROSOFT.COMPUTE/VIRTUALMACHINES/DELETE', 'MICROSOFT.COMPUTE/VIRTUALMACHINESCALESETS/DELETE'),
  ),
  trip(
    'az.storage',
    'An Azure storage account, or a container or share in it, is being deleted.',
    'elastic/detection-rules b2c3d4e5; containers and shares: ours',
    operation(
      'MICROSOFT.STORAGE/STORAGEACCOUNTS/DELETE',
      'MICROSOFT.STORAGE/STORAGEACCOUNTS/BLOBSERVICES/CONTAINERS/DELETE',
      'MICROSOFT.STORAGE/STORAGEACCOUNTS/FILESERVICES/SHARES/DELETE',
      'DELETECONTAINER',
    ),
  ),
  rate(
    'az.blob',
    'Blobs of an Azure storage account are being deleted.',
    'panther-analysis Storage.Blob.BulkDeletion',
    operation('DELETEBLOB', 'MICROSOFT.STORAGE/STORAGEACCOUNTS/BLOBSERVICES/CONTAINERS/BLOBS/DELETE'),
    { rate: { count: 15, within: '15m' } },
  ),
  trip(
    'az.softdel',
    'What brings deleted data back in an Azure storage account is being switched off.',
    'panther-analysis azure_storage_*_soft_delete_disabled, azure_storage_account_versioning_disabled, azure_storage_immutability_policy_deleted, azure_resource_lock_deleted',
    any(
      operation(
        'MICROSOFT.STORAGE/STORAGEACCOUNTS/BLOBSERVICES/CONTAINERS/IMMUTABILITYPOLICIES/DELETE',
        'MICROSOFT.STORAGE/STORAGEACCOUNTS/BLOBSERVICES/CONTAINERS/CLEARLEGALHOLD/ACTION',
        'MICROSOFT.AUTHORIZATION/LOCKS/DELETE',
      ),
      all(
        operation(
          'MICROSOFT.STORAGE/STORAGEACCOUNTS/BLOBSERVICES/WRITE',
          'MICROSOFT.STORAGE/STORAGEACCOUNTS/FILESERVICES/WRITE',
        ),
        any(
          asked(['deleteRetentionPolicy', 'enabled'], 'false'),
          asked(['containerDeleteRetentionPolicy', 'enabled'], 'false'),
          asked(['shareDeleteRetentionPolicy', 'enabled'], 'false'),
          asked(['isVersioningEnabled'], 'false'),
        ),
      ),
    ),
  ),
  trip(
    'az.kv',
    'An Azure key vault, or a key in it, is being deleted or purged, and with it all that it encrypts.',
    'sigma 459a2970; panther-analysis azure_keyvault_purged, azure_keyvault_key_purged; keys deleted: ours',
    operation(
      'MICROSOFT.KEYVAULT/VAULTS/DELETE',
      'MICROSOFT.KEYVAULT/VAULTS/KEYS/DELETE',
      'MICROSOFT.KEYVAULT/VAULTS/KEYS/PURGE/ACTION',
      'MICROSOFT.KEYVAULT/VAULTS/SECRETS/PURGE/ACTION',
      'MICROSOFT.KEYVAULT/LOCATIONS/DELETEDVAULTS/PURGE/ACTION',
      'MICROSOFT.KEYVAULT/MANAGEDHSMS/DELETE',
      'VAULTPURGE',
      'KEYPURGE',
      'KEYDELETE',
      'SECRETPURGE',
    ),
  ),
  trip(
    'az.sql',
    'A database server, or a database, of Azure is being deleted.',
    'panther-analysis azure_sql_server_deleted; other databases: ours',
    operation(
      'MICROSOFT.SQL/SERVERS/DELETE',
      'MICROSOFT.SQL/SERVERS/DATABASES/DELETE',
      'MICROSOFT.SQL/MANAGEDINSTANCES/DELETE',
      'MICROSOFT.SQL/MANAGEDINSTANCES/DATABASES/DELETE',
      'MICROSOFT.DBFORPOSTGRESQL/SERVERS/DELETE',
      'MICROSOFT.DBFORPOSTGRESQL/FLEXIBLESERVERS/DELETE',
      'MICROSOFT.DBFORPOSTGRESQL/FLEXIBLESERVERS/DATABASES/DELETE',
      'MICROSOFT.DBFORMYSQL/SERVERS/DELETE',
      'MICROSOFT.DBFORMYSQL/FLEXIBLESERVERS/DELETE',
      'MICROSOFT.DBFORMYSQL/FLEXIBLESERVERS/DATABASES/DELETE',
      'MICROSOFT.DOCUMENTDB/DATABASEACCOUNTS/DELETE',
      'MICROSOFT.DOCUMENTDB/DATABASEACCOUNTS/SQLDATABASES/DELETE',
      'MICROSOFT.DOCUMENTDB/MONGOCLUSTERS/DELETE',
      'MICROSOFT.CACHE/REDIS/DELETE',
    ),
  ),
  trip(
    'az.rsv',
    'Backups of an Azure recovery vault are being deleted or stopped.',
    'panther-analysis azure_recovery_services_container_deleted; vaults and items: ours',
    operation(
      'MICROSOFT.RECOVERYSERVICES/VAULTS/DELETE',
      'MICROSOFT.RECOVERYSERVICES/VAULTS/BACKUPFABRICS/PROTECTIONCONTAINERS/DELETE',
      'MICROSOFT.RECOVERYSERVICES/VAULTS/BACKUPFABRICS/PROTECTIONCONTAINERS/PROTECTEDITEMS/DELETE',
      'MICROSOFT.RECOVERYSERVICES/VAULTS/BACKUPPOLICIES/DELETE',
      'MICROSOFT.DATAPROTECTION/BACKUPVAULTS/DELETE',
      'MICROSOFT.DATAPROTECTION/BACKUPVAULTS/BACKUPINSTANCES/DELETE',
    ),
  ),
  trip(
    'az.aks',
    'A Kubernetes cluster of Azure is being deleted.',
    OURS,
    operation('MICROSOFT.CONTAINERSERVICE/MANAGEDCLUSTERS/DELETE'),
  ),
  trip(
    'az.blind',
    'What brings alerts from Azure, or keeps its logs, is being deleted.',
    'panther-analysis azure_diagnostic_settings_deleted, azure_action_groups_deleted, azure_alert_rules_deleted, azure_log_analytics_workspace_deleted, azure_event_hub_deleted',
    operation(
      'MICROSOFT.INSIGHTS/DIAGNOSTICSETTINGS/DELETE',
      'MICROSOFT.INSIGHTS/ACTIONGROUPS/DELETE',
      'MICROSOFT.INSIGHTS/ACTIVITYLOGALERTS/DELETE',
      'MICROSOFT.INSIGHTS/SCHEDULEDQUERYRULES/DELETE',
      'MICROSOFT.OPERATIONALINSIGHTS/WORKSPACES/DELETE',
      'MICROSOFT.EVENTHUB/NAMESPACES/DELETE',
      'MICROSOFT.EVENTHUB/NAMESPACES/EVENTHUBS/DELETE',
    ),
  ),
];
