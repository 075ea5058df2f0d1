import { type Format, isObject } from './format.ts';

/** What all alerts of a group share. Rules find it beside the alert's own keys. */
const SHARED = ['receiver', 'groupKey', 'groupLabels', 'commonLabels', 'commonAnnotations', 'externalURL'] as const;

/**
 * Alertmanager's webhook, version 4. A group mixes firing and resolved alerts, so each is judged by itself: its own keys
 * (`status`, `labels`, `annotations`, `startsAt`, `endsAt`, `generatorURL`, `fingerprint`) are the root, with those of
 * the group in SHARED beside them. What is resolved is left out: it neither trips nor resets.
 */
export const alertmanager: Format = (body) => {
  if (!isObject(body) || body['version'] !== '4' || !Array.isArray(body['alerts']))
    return { alerts: [], unknown: 'The body is not an Alertmanager webhook of version 4.' };
  const shared = Object.fromEntries(SHARED.filter((key) => Object.hasOwn(body, key)).map((key) => [key, body[key]]));
  const all: readonly unknown[] = body['alerts'];
  const known = all.filter(isAlert);
  const alerts = known.filter((alert) => alert['status'] === 'firing').map((alert) => ({ ...alert, ...shared }));
  if (known.length < all.length)
    return { alerts, unknown: `${all.length - known.length} of ${all.length} alerts are not alerts of version 4.` };
  // With max_alerts set, whoever causes many harmless alerts could push the one that matters out of the list.
  if ((body['truncatedAlerts'] ?? 0) !== 0) return { alerts, unknown: 'Alertmanager left alerts out (max_alerts).' };
  return { alerts };
};

function isAlert(alert: unknown): alert is Record<string, unknown> {
  if (!isObject(alert) || !isObject(alert['labels'])) return false;
  return alert['status'] === 'firing' || alert['status'] === 'resolved';
}
