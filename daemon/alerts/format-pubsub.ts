import { type Format, isObject, type JsonObject, notUnderstood } from './format.ts';
import { objectInBase64 } from './format-base64.ts';
import { says, within } from './format-one.ts';

/**
 * A push of Google Pub/Sub: a finding of Security Command Center, an entry of an audit log or an incident of Monitoring.
 * `message.data` is JSON in base64; it is read, and stands under the same key. What was pushed without its envelope
 * ("payload unwrapping") is taken where it is a finding or a log entry. https://cloud.google.com/pubsub/docs/push
 */
export const pubsub: Format = (body) => {
  if (!isObject(body)) return notUnderstood('a push of Pub/Sub');
  if (isPayload(body)) return { alerts: isOver(body) ? [] : [body] };
  const message = body['message'];
  if (!isObject(message) || !('messageId' in message || 'message_id' in message || 'subscription' in body))
    return notUnderstood('a push of Pub/Sub');
  const data = objectInBase64(message['data']);
  // Attributes alone can say something too, and nothing else is in a message without data.
  if (data === undefined && message['data'] !== undefined)
    return { alerts: [body], unknown: 'The data of the message is not a JSON object in base64.' };
  if (data === undefined) return { alerts: [body] };
  return { alerts: isOver(data) ? [] : [{ ...body, message: { ...message, data } }] };
};

function isPayload(body: JsonObject): boolean {
  return (isObject(body['finding']) && 'notificationConfigName' in body) || isObject(body['protoPayload']);
}

function isOver(data: JsonObject): boolean {
  return says(within(data, 'finding')['state'], 'inactive') || says(within(data, 'incident')['state'], 'closed');
}
