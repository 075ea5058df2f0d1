import { type Format, isObject, notUnderstood } from './format.ts';
import { wrongNow } from './format-eventbridge.ts';
import { isText, says } from './format-one.ts';

/** The keys of the envelope that Amazon signs and rules can use. Others could have been added by anybody. */
const SIGNED = ['TopicArn', 'Subject', 'MessageId', 'Timestamp'] as const;

/**
 * A notification of Amazon SNS. `Message` is text; where that is JSON it is read, and stands under the same key.
 * https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html
 */
export const sns: Format = (body) => {
  if (!isObject(body) || !isText(body['TopicArn']) || !isText(body['Message']))
    return notUnderstood('a message of Amazon SNS');
  // The scheme `aws-sns` tells the operator about these; here they come when something else authenticates the sender.
  if (says(body['Type'], 'subscriptionconfirmation', 'unsubscribeconfirmation')) return { alerts: [] };
  if (body['Type'] !== 'Notification') return notUnderstood('a notification of Amazon SNS');
  const envelope = Object.fromEntries(SIGNED.filter((key) => isText(body[key])).map((key) => [key, body[key]]));
  const message = parsed(body['Message']);
  const messages = isObject(message) ? wrongNow(message) : [message];
  return { alerts: messages.map((each) => ({ ...envelope, Message: each })) };
};

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
