import { isText, says, template } from './format-one.ts';

/**
 * A workflow of New Relic, by its template. An issue that somebody has acknowledged is still one: more can be added to it.
 * https://docs.newrelic.com/docs/alerts/get-notified/notification-integrations/
 */
export const newrelic = template({
  what: 'an issue of New Relic',
  is: (body) => isText(body['state']) && (isText(body['issueUrl']) || isText(body['workflowName'])),
  isOver: (body) => says(body['state'], 'closed', 'resolved', 'deactivated'),
});
