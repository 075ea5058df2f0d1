import { deed, NOTHING, type Recogniser, text } from './deed.ts';
import { isObject, type JsonObject } from './format.ts';
import { within } from './format-one.ts';

/** Stages at which nothing has been done yet, or which come a second time when it has. */
const NOT_DONE: ReadonlySet<unknown> = new Set(['RequestReceived', 'ResponseStarted']);

/**
 * The control plane's own: they delete what hung on something that a person or an agent has deleted or scaled before, and
 * that was a deed of its own. By the exact name the API server authenticated, never by a prefix or the user agent, which
 * the caller writes. Who may mint tokens of kube-system can act under these names: that is a deed rules should look at.
 */
const CONTROLLERS: ReadonlySet<unknown> = new Set([
  'system:kube-controller-manager',
  'system:kube-scheduler',
  ...[
    'cronjob-controller',
    'daemon-set-controller',
    'deployment-controller',
    'endpoint-controller',
    'endpointslice-controller',
    'generic-garbage-collector',
    'job-controller',
    'legacy-service-account-token-cleaner',
    'namespace-controller',
    'node-controller',
    'persistent-volume-binder',
    'pod-garbage-collector',
    'pv-protection-controller',
    'pvc-protection-controller',
    'replicaset-controller',
    'replication-controller',
    'statefulset-controller',
    'token-cleaner',
    'ttl-after-finished-controller',
  ].map((name) => `system:serviceaccount:kube-system:${name}`),
]);

/**
 * An audit event of Kubernetes. A dry run is not told apart: the server ignores `dryRun` in the address where the body has
 * options, so the address proves nothing. https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/
 */
export const kubernetes: Recogniser = (value) => {
  if (text(value['verb']) === undefined || !isAudit(value) || NOT_DONE.has(value['stage'])) return NOTHING;
  const user = within(value, 'user');
  const impersonated = within(value, 'impersonatedUser');
  if (CONTROLLERS.has(user['username']) && !('impersonatedUser' in value)) return NOTHING;
  const code = Number(within(value, 'responseStatus')['code'] ?? 0);
  return [
    deed('kubernetes', value, {
      by: [user['username'], impersonated['username']],
      through: [value['userAgent']],
      refused: code >= 400,
    }),
  ];
};

function isAudit(value: JsonObject): boolean {
  return isObject(value['objectRef']) || 'auditID' in value || text(value['requestURI']) !== undefined;
}
