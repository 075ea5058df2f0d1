import { type Format, isObject, type JsonObject, notUnderstood } from './format.ts';
import { isText, says } from './format-one.ts';

/**
 * Sentry's integration webhook (`action`, `data`), or its older plug-in (`event` beside `project`). An issue that is
 * resolved, archived or given to somebody says nothing new, and neither do comments and installations.
 * https://docs.sentry.io/organization/integrations/integration-platform/webhooks/
 */
export const sentry: Format = (body, header) => {
  if (!isObject(body) || !(isIntegration(body) || isPlugin(body))) return notUnderstood('a webhook of Sentry');
  if (isIntegration(body) && !isWrong(body, body['data'])) return { alerts: [] };
  const event = header('sentry-hook-resource');
  return { alerts: [event === undefined ? body : { ...body, portcullis: { event } }] };
};

type Integration = JsonObject & { readonly data: JsonObject };

function isIntegration(body: JsonObject): body is Integration {
  return (
    isText(body['action']) && isObject(body['data']) && (isObject(body['installation']) || isObject(body['actor']))
  );
}

function isPlugin(body: JsonObject): boolean {
  return isObject(body['event']) && isText(body['event']['event_id']) && 'project' in body;
}

function isWrong(body: JsonObject, data: JsonObject): boolean {
  if (says(body['action'], 'resolved', 'archived', 'ignored', 'assigned', 'unassigned')) return false;
  return !('comment' in data || 'installation' in data);
}
