import { type Format, isObject } from './format.ts';
import { group } from './format-alertmanager.ts';
import { isText, one, says } from './format-one.ts';

/** Dashboard alerts of Grafana 8 and before. "No data" is no all-clear. */
const legacy = one({
  what: 'a webhook of Grafana',
  is: (body) => isText(body['ruleName']) && Array.isArray(body['evalMatches']) && isText(body['state']),
  isOver: (body) => says(body['state'], 'ok', 'paused', 'pending'),
});

/**
 * Grafana Alerting sends groups of Alertmanager's shape with version 1; Grafana OnCall's examples say 4.
 * https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
 */
export const grafana: Format = (body, header) =>
  isObject(body) && Array.isArray(body['alerts'])
    ? group(body, 'a webhook of Grafana', '1', '4')
    : legacy(body, header);
