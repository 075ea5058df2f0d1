import { type Format, isObject, type JsonObject, notUnderstood, type Reading } from './format.ts';

/** What all alerts of a group share. Rules find it beside the alert's own keys. */
const SHARED = ['receiver', 'groupKey', 'groupLabels', 'commonLabels', 'commonAnnotations', 'externalURL'] as const;

/**
 * Alertmanager's webhook, version 4, or 3 of before 2017, whose `groupKey` is a number too large for JavaScript: no rule
 * can rely on its last digits. Also a bare array of alerts, which is what is posted to Alertmanager, by falcosidekick for
 * one; these have no status and count as firing.
 */
export const alertmanager: Format = (body) => {
  if (Array.isArray(body) && body.length > 0) return posted(body);
  return group(body, 'an Alertmanager webhook of version 3 or 4', '3', '4');
};

/**
 * A group mixes firing and resolved alerts, so each is judged by itself: its own keys (`status`, `labels`, `annotations`,
 * `startsAt`, `endsAt`, `generatorURL`, `fingerprint`) are the root, with those of the group in SHARED beside them. What is
 * resolved is left out: it neither trips nor resets.
 */
export function group(body: unknown, what: string, ...versions: readonly string[]): Reading {
  if (!isObject(body) || !versions.some((version) => body['version'] === version) || !Array.isArray(body['alerts']))
    return notUnderstood(what);
  const shared = Object.fromEntries(SHARED.filter((key) => Object.hasOwn(body, key)).map((key) => [key, body[key]]));
  const all: readonly unknown[] = body['alerts'];
  const known = all.filter(isAlert);
  const alerts = known.filter((alert) => alert['status'] === 'firing').map((alert) => ({ ...alert, ...shared }));
  if (known.length < all.length)
    return { alerts, unknown: `${all.length - known.length} of ${all.length} alerts do not have the shape of one.` };
  // With max_alerts set, whoever causes many harmless alerts could push the one that matters out of the list.
  if ((body['truncatedAlerts'] ?? 0) !== 0) return { alerts, unknown: 'Alertmanager left alerts out (max_alerts).' };
  return { alerts };
}

function posted(all: readonly unknown[]): Reading {
  const known = all.filter(isObject).filter((item) => isAlert({ status: 'firing', ...item }));
  const alerts = known.filter((alert) => alert['status'] !== 'resolved');
  if (known.length === all.length) return { alerts };
  return { alerts, unknown: `${all.length - known.length} of ${all.length} alerts do not have the shape of one.` };
}

function isAlert(alert: unknown): alert is JsonObject {
  if (!isObject(alert) || !isObject(alert['labels'])) return false;
  return alert['status'] === 'firing' || alert['status'] === 'resolved';
}
