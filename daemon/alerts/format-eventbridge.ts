import { type Format, isObject, type JsonObject, notUnderstood } from './format.ts';
import { isText, says, within } from './format-one.ts';

const WHAT = 'an event of EventBridge';
const ENVELOPE = ['version', 'id', 'detail-type', 'source', 'account', 'time', 'region', 'resources'];

/**
 * Amazon EventBridge, by an API destination without an input transformer; an array of events is judged one by one.
 * https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
 */
export const eventbridge: Format = (body) => {
  const all: readonly unknown[] = Array.isArray(body) ? body : [body];
  const known = all.filter(isEvent);
  if (known.length === 0) return notUnderstood(WHAT);
  const alerts = known.flatMap(wrongNow);
  return known.length === all.length ? { alerts } : { alerts, unknown: `One of the body's items is not ${WHAT}.` };
};

function isEvent(value: unknown): value is JsonObject {
  return isObject(value) && isText(value['detail-type']) && isText(value['source']) && isObject(value['detail']);
}

/**
 * What of a message of Amazon's says that something is wrong now: an alarm of CloudWatch only while it is in alarm
 * ("insufficient data" is neither), findings of Security Hub each by itself and only while they are open, all else as it is.
 */
export function wrongNow(message: JsonObject): readonly JsonObject[] {
  if (isText(message['AlarmName']) && isText(message['NewStateValue']))
    return isInAlarm(message['NewStateValue']) ? [message] : [];
  const detail = within(message, 'detail');
  if (message['source'] === 'aws.cloudwatch' && isText(detail['alarmName']))
    return isInAlarm(within(detail, 'state')['value']) ? [message] : [];
  if (message['source'] === 'aws.securityhub' && Array.isArray(detail['findings']))
    return detail['findings']
      .filter((finding) => !isClosed(finding))
      .map((finding) => ({ ...envelope(message), detail: { findings: [finding] } }));
  return [message];
}

function envelope(message: JsonObject): JsonObject {
  return Object.fromEntries(ENVELOPE.filter((key) => key in message).map((key) => [key, message[key]]));
}

function isInAlarm(state: unknown): boolean {
  return !says(state, 'ok', 'insufficient_data');
}

function isClosed(finding: unknown): boolean {
  if (!isObject(finding)) return false;
  return says(within(finding, 'Workflow')['Status'], 'resolved') || says(finding['RecordState'], 'archived');
}
