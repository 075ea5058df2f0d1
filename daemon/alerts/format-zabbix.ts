import { isText, says, template } from './format-one.ts';

/**
 * Zabbix, by a media type of the operator's: the documentation shows one with `event_id` and `event_value` (1 a problem, 0
 * over); the one of Grafana OnCall sends `alert_uid` and `state`.
 * https://www.zabbix.com/documentation/current/en/manual/config/notifications/media/webhook
 */
export const zabbix = template({
  what: 'a body with event_id and event_value, or with alert_uid and state',
  is: (body) => ('event_id' in body && 'event_value' in body) || (isText(body['alert_uid']) && isText(body['state'])),
  isOver: (body) =>
    body['event_value'] === 0 || says(body['event_value'], '0') || says(body['state'], 'ok', 'resolved'),
});
