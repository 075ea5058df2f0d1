import { type Format, isObject, notUnderstood } from './format.ts';
import { isText } from './format-one.ts';

/** One of these is in the body of every webhook. */
const ANY_OF = ['sender', 'repository', 'organization', 'enterprise', 'installation', 'hook'];

/**
 * A webhook of GitHub. What happened stands in a header, which rules find as `portcullis.event`; GitHub does not sign it.
 * A ping says that the webhook was set up. https://docs.github.com/en/webhooks/webhook-events-and-payloads
 */
export const github: Format = (body, header) => {
  if (!isObject(body) || !ANY_OF.some((key) => isObject(body[key]))) return notUnderstood('a webhook of GitHub');
  const event = header('x-github-event');
  if (event === undefined) return { alerts: [body], unknown: 'The header X-GitHub-Event is missing.' };
  if (event === 'ping' && isText(body['zen']) && isObject(body['hook'])) return { alerts: [] };
  return { alerts: [{ ...body, portcullis: { event } }] };
};
