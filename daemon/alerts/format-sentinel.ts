import { isText, one, says, within } from './format-one.ts';

/**
 * An incident of Microsoft Sentinel as a playbook (Logic App) gets and posts it on: `object.properties` holds the incident.
 * https://learn.microsoft.com/en-us/azure/sentinel/playbook-triggers-actions
 */
export const sentinel = one({
  what: 'an incident of Microsoft Sentinel',
  is: (body) => isText(body['objectEventType']) && isText(within(within(body, 'object'), 'properties')['severity']),
  isOver: (body) => says(within(within(body, 'object'), 'properties')['status'], 'closed'),
});
