import type { Fixtures } from './fixtures.ts';

const audit = (verb: string, resource: string, objectRef: object = {}, more: object = {}) => ({
  kind: 'Event',
  apiVersion: 'audit.k8s.io/v1',
  level: 'Metadata',
  auditID: '1',
  stage: 'ResponseComplete',
  verb,
  user: { username: 'system:serviceaccount:agents:coder' },
  objectRef: { resource, namespace: 'prod', name: 'x', apiVersion: 'v1', ...objectRef },
  responseStatus: { code: 200 },
  ...more,
});
const list = (...items: object[]) => ({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', items });

export const KUBERNETES: Fixtures = {
  'k8s.pv': {
    trips: [
      audit('delete', 'persistentvolumeclaims'),
      audit('deletecollection', 'persistentvolumes'),
      list(audit('get', 'pods'), audit('delete', 'volumesnapshots')),
    ],
    passes: [
      audit('get', 'persistentvolumeclaims'),
      audit('delete', 'pods'),
      // What the control plane does of itself.
      audit(
        'delete',
        'persistentvolumes',
        {},
        { user: { username: 'system:serviceaccount:kube-system:persistent-volume-binder' } },
      ),
    ],
  },
  'k8s.ns': {
    trips: [audit('delete', 'namespaces')],
    passes: [audit('create', 'namespaces'), audit('update', 'namespaces', { subresource: 'finalize' })],
  },
  'k8s.statefulset': {
    trips: [audit('delete', 'statefulsets'), audit('deletecollection', 'statefulsets')],
    passes: [audit('patch', 'statefulsets')],
  },
  'k8s.workload': {
    trips: [audit('delete', 'deployments')],
    passes: [audit('delete', 'pods'), audit('patch', 'deployments')],
  },
  'k8s.secret': { trips: [audit('deletecollection', 'secrets')], passes: [audit('get', 'secrets')] },
  'k8s.crd': {
    trips: [audit('delete', 'customresourcedefinitions')],
    passes: [audit('list', 'customresourcedefinitions')],
  },
  'k8s.backupcr': {
    trips: [
      audit('delete', 'backups', { apiGroup: 'velero.io' }),
      audit('delete', 'clusters', { apiGroup: 'postgresql.cnpg.io' }),
    ],
    passes: [
      audit('create', 'backups', { apiGroup: 'velero.io' }),
      audit('delete', 'clusters', { apiGroup: 'cluster.example' }),
      audit('delete', 'downloadrequests', { apiGroup: 'velero.io' }),
    ],
  },
  'k8s.webhook': {
    trips: [audit('delete', 'validatingwebhookconfigurations')],
    passes: [audit('patch', 'validatingwebhookconfigurations')],
  },
  'k8s.scale0': {
    trips: [audit('patch', 'deployments', { subresource: 'scale' }, { requestObject: { spec: { replicas: 0 } } })],
    passes: [audit('patch', 'deployments', { subresource: 'scale' }, { requestObject: { spec: { replicas: 3 } } })],
  },
  'k8s.events': { trips: [audit('deletecollection', 'events')], passes: [audit('create', 'events')] },
};
