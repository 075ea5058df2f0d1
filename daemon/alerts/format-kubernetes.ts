import { type Format, isObject, type JsonObject, notUnderstood } from './format.ts';
import { isText } from './format-one.ts';

const GROUP = 'audit.k8s.io/';
const WHAT = 'an audit event of Kubernetes';

/**
 * What the API server's audit webhook posts, an EventList, or one event of it. Each is judged by itself.
 * https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/
 */
export const kubernetes: Format = (body) => {
  if (!isObject(body) || !isOfAudit(body)) return notUnderstood(WHAT);
  if (body['kind'] === 'Event') return { alerts: [body] };
  if (body['kind'] !== 'EventList' || !Array.isArray(body['items'])) return notUnderstood(WHAT);
  const alerts = body['items'].filter((item): item is JsonObject => isObject(item) && isText(item['verb']));
  return alerts.length === body['items'].length ? { alerts } : { alerts, unknown: `One of the items is not ${WHAT}.` };
};

function isOfAudit(body: JsonObject): boolean {
  return isText(body['apiVersion']) && body['apiVersion'].startsWith(GROUP);
}
