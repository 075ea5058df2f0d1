import { all, any, atMost, is, none, OURS, type PackRule, rulesOn, there } from './pack-words.ts';

const { trip, rate, context } = rulesOn('kubernetes');

const deletes = is('verb', 'delete', 'deletecollection');
const resource = (...names: readonly string[]) => is('objectRef.resource', ...names);
/** An event of an earlier stage has no answer yet: that the request came is enough. */
const whole = none(there('objectRef.subresource'));

/** Kubernetes, by its audit log. */
export const KUBERNETES_RULES: readonly PackRule[] = [
  trip(
    'k8s.pv',
    'Volumes of Kubernetes, or snapshots of them, are being deleted.',
    OURS,
    all(
      deletes,
      whole,
      resource('persistentvolumes', 'persistentvolumeclaims', 'volumesnapshots', 'volumesnapshotcontents'),
    ),
  ),
  trip(
    'k8s.ns',
    'A namespace of Kubernetes is being deleted with all that is in it.',
    'falco k8s_audit "K8s Namespace Deleted"',
    all(deletes, whole, resource('namespaces')),
  ),
  trip(
    'k8s.statefulset',
    'A stateful set of Kubernetes, as databases run in, is being deleted.',
    OURS,
    all(deletes, whole, resource('statefulsets')),
  ),
  rate(
    'k8s.workload',
    'Deployments of Kubernetes are being deleted.',
    'sigma 40967487; falco "K8s Deployment Deleted"',
    all(deletes, whole, resource('deployments', 'daemonsets', 'replicasets', 'cronjobs')),
  ),
  rate(
    'k8s.secret',
    'Secrets or settings of Kubernetes are being deleted.',
    'sigma 58d31a75; falco "K8s Secret Deleted"; settings: ours',
    all(deletes, resource('secrets', 'configmaps')),
  ),
  trip(
    'k8s.crd',
    'A kind of Kubernetes resource is being deleted, and every one of that kind with it: databases of operators too.',
    OURS,
    all(deletes, whole, resource('customresourcedefinitions')),
  ),
  trip(
    'k8s.backupcr',
    'Backups in Kubernetes, or a database that an operator runs, are being deleted.',
    'Velero, CloudNativePG and the like; ours, after their reference',
    all(
      deletes,
      whole,
      any(
        all(
          is('objectRef.apiGroup', 'velero.io'),
          resource('backups', 'backupstoragelocations', 'schedules', 'volumesnapshotlocations', 'podvolumebackups'),
        ),
        all(
          is('objectRef.apiGroup', 'postgresql.cnpg.io'),
          resource('clusters', 'backups', 'scheduledbackups', 'databases'),
        ),
        all(is('objectRef.apiGroup', 'acid.zalan.do'), resource('postgresqls')),
        all(is('objectRef.apiGroup', 'postgres-operator.crunchydata.com'), resource('postgresclusters')),
        all(is('objectRef.apiGroup', 'mysql.oracle.com'), resource('innodbclusters', 'mysqlbackups')),
        all(is('objectRef.apiGroup', 'k8s.mariadb.com'), resource('mariadbs', 'backups', 'databases')),
        all(
          is('objectRef.apiGroup', 'psmdb.percona.com', 'pxc.percona.com', 'pgv2.percona.com'),
          resource(
            'perconaservermongodbs',
            'perconaservermongodbbackups',
            'perconaxtradbclusters',
            'perconaxtradbclusterbackups',
            'perconapgclusters',
            'perconapgbackups',
          ),
        ),
        all(
          is('objectRef.apiGroup', 'mongodbcommunity.mongodb.com', 'mongodb.com'),
          resource('mongodbcommunity', 'mongodb'),
        ),
        all(is('objectRef.apiGroup', 'elasticsearch.k8s.elastic.co'), resource('elasticsearches')),
        all(is('objectRef.apiGroup', 'kafka.strimzi.io'), resource('kafkas', 'kafkatopics')),
        all(
          is('objectRef.apiGroup', 'longhorn.io'),
          resource('volumes', 'backups', 'backupvolumes', 'snapshots', 'recurringjobs'),
        ),
        all(
          is('objectRef.apiGroup', 'ceph.rook.io'),
          resource('cephclusters', 'cephblockpools', 'cephfilesystems', 'cephobjectstores'),
        ),
      ),
    ),
  ),
  rate(
    'k8s.webhook',
    'What guards a Kubernetes cluster against changes is being deleted.',
    OURS,
    all(deletes, resource('validatingwebhookconfigurations', 'validatingadmissionpolicies', 'poddisruptionbudgets')),
  ),
  rate(
    'k8s.scale0',
    'Workloads of Kubernetes are being set to no copies.',
    OURS,
    all(is('verb', 'patch', 'update'), is('objectRef.subresource', 'scale'), atMost('requestObject.spec.replicas', 0)),
  ),
  context(
    'k8s.events',
    'Events of Kubernetes are being deleted, as to leave no trace.',
    'sigma 3132570d',
    all(deletes, resource('events')),
  ),
];
