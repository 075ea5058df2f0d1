import { type Format, isObject, type JsonObject, notUnderstood, type Reading } from './format.ts';
import { isText, says, within } from './format-one.ts';

/**
 * Events that do not say that something is wrong now: that it is over, that somebody looks at it, or what was said about it.
 * Whoever resets the appliance and then acknowledges the incident must not find it tripped again.
 */
const NOT_WRONG: ReadonlySet<string> = new Set([
  'pagey.ping',
  'incident.acknowledged',
  'incident.acknowledge',
  'incident.annotated',
  'incident.annotate',
  'incident.conference_bridge.updated',
  'incident.resolved',
  'incident.resolve',
  'incident.responder.added',
  'incident.responder.replied',
  'incident.status_update_published',
  'incident.workflow.completed',
  'incident.workflow.started',
]);

/**
 * PagerDuty's webhooks: one event (v3), or a list of messages (v1, v2), each an alert of its own.
 * https://developer.pagerduty.com/docs/webhooks-overview
 */
export const pagerduty: Format = (body) => {
  if (!isObject(body)) return notUnderstood('a webhook of PagerDuty');
  const event = within(body, 'event');
  if (isText(event['event_type'])) return { alerts: isWrong(event['event_type'], within(event, 'data')) ? [body] : [] };
  return Array.isArray(body['messages']) ? messages(body['messages']) : notUnderstood('a webhook of PagerDuty');
};

function messages(all: readonly unknown[]): Reading {
  const known = all.filter((message): message is JsonObject => isObject(message) && isText(kindOf(message)));
  const alerts = known.filter((message) => {
    const { incident } = isObject(message['data']) ? message['data'] : message;
    return isWrong(String(kindOf(message)), isObject(incident) ? incident : {});
  });
  if (known.length === all.length) return { alerts };
  return { alerts, unknown: `${all.length - known.length} of ${all.length} messages do not have the shape of one.` };
}

function kindOf(message: JsonObject): unknown {
  return message['type'] ?? message['event'];
}

function isWrong(kind: string, incident: JsonObject): boolean {
  return !NOT_WRONG.has(kind) && !says(incident['status'], 'resolved');
}
