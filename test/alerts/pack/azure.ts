import type { Fixtures } from './fixtures.ts';

/** An entry of the activity log. */
const done = (operationName: string, properties: object = {}) => ({
  time: '2026-04-25T10:00:00Z',
  resourceId: '/SUBSCRIPTIONS/1/RESOURCEGROUPS/PROD/PROVIDERS/X/Y/Z',
  operationName,
  resultType: 'Success',
  callerIpAddress: '203.0.113.4',
  identity: { claims: { appid: '0001' } },
  properties,
});
/** As Log Analytics and the portal write it. */
const inPortal = (value: string) => ({ operationName: { value, localizedValue: 'x' }, status: { value: 'Succeeded' } });
const asked = (properties: object) => ({ requestbody: JSON.stringify({ properties }) });
const BLOBS = 'MICROSOFT.STORAGE/STORAGEACCOUNTS/BLOBSERVICES/WRITE';
const kept = (enabled: boolean) => asked({ deleteRetentionPolicy: { days: 7, enabled }, isVersioningEnabled: true });

const simple = (trips: string, passes: string) => ({ trips: [done(trips)], passes: [done(passes)] });

export const AZURE: Fixtures = {
  'az.rg': {
    trips: [
      done('MICROSOFT.RESOURCES/SUBSCRIPTIONS/RESOURCEGROUPS/DELETE'),
      done('Microsoft.Resources/subscriptions/resourcegroups/delete'),
      inPortal('Microsoft.Resources/subscriptions/resourceGroups/delete'),
    ],
    passes: [done('MICROSOFT.RESOURCES/SUBSCRIPTIONS/RESOURCEGROUPS/WRITE')],
  },
  'az.snap': simple('MICROSOFT.COMPUTE/SNAPSHOTS/DELETE', 'MICROSOFT.COMPUTE/SNAPSHOTS/WRITE'),
  'az.rpc': simple(
    'MICROSOFT.COMPUTE/RESTOREPOINTCOLLECTIONS/DELETE',
    'MICROSOFT.COMPUTE/RESTOREPOINTCOLLECTIONS/READ',
  ),
  'az.disk': simple('MICROSOFT.COMPUTE/DISKS/DELETE', 'MICROSOFT.COMPUTE/DISKS/WRITE'),
  'az.vm': simple('MICROSOFT.COMPUTE/VIRTUALMACHINES/DELETE', 'MICROSOFT.COMPUTE/VIRTUALMACHINES/DEALLOCATE/ACTION'),
  'az.storage': simple('MICROSOFT.STORAGE/STORAGEACCOUNTS/DELETE', 'MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION'),
  'az.blob': simple('DeleteBlob', 'GetBlob'),
  'az.softdel': {
    trips: [
      done(BLOBS, kept(false)),
      done(BLOBS, asked({ isVersioningEnabled: false })),
      done(BLOBS, { requestbody: { properties: { containerDeleteRetentionPolicy: { enabled: false } } } }),
      done('Microsoft.Authorization/locks/delete'),
      done('MICROSOFT.STORAGE/STORAGEACCOUNTS/BLOBSERVICES/CONTAINERS/IMMUTABILITYPOLICIES/DELETE'),
    ],
    passes: [
      done(BLOBS, kept(true)),
      // Another setting is off.
      done(BLOBS, asked({ deleteRetentionPolicy: { enabled: true }, changeFeed: { enabled: false } })),
      done('Microsoft.Authorization/locks/write'),
    ],
  },
  'az.kv': {
    trips: [done('MICROSOFT.KEYVAULT/VAULTS/DELETE'), done('MICROSOFT.KEYVAULT/VAULTS/KEYS/PURGE/ACTION')],
    passes: [done('MICROSOFT.KEYVAULT/VAULTS/SECRETS/READ')],
  },
  'az.sql': {
    trips: [done('MICROSOFT.SQL/SERVERS/DELETE'), done('Microsoft.DBforPostgreSQL/flexibleServers/delete')],
    passes: [done('MICROSOFT.SQL/SERVERS/FIREWALLRULES/DELETE')],
  },
  'az.rsv': simple(
    'MICROSOFT.RECOVERYSERVICES/VAULTS/BACKUPFABRICS/PROTECTIONCONTAINERS/DELETE',
    'MICROSOFT.RECOVERYSERVICES/VAULTS/BACKUPJOBS/READ',
  ),
  'az.aks': simple(
    'Microsoft.ContainerService/managedClusters/delete',
    'Microsoft.ContainerService/managedClusters/write',
  ),
  'az.blind': simple('Microsoft.Insights/diagnosticSettings/delete', 'Microsoft.Insights/diagnosticSettings/write'),
};
