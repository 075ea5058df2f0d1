import { isObject } from './format.ts';
import { isText, one, says, within } from './format-one.ts';

/**
 * An incident of Google Cloud Monitoring, by its webhook channel. `state` is written in capitals or not.
 * https://cloud.google.com/monitoring/support/notification-options#webhooks
 */
export const googleMonitoring = one({
  what: 'an incident of Google Cloud Monitoring',
  is: (body) => isObject(body['incident']) && 'policy_name' in body['incident'] && isText(body['incident']['state']),
  isOver: (body) => says(within(body, 'incident')['state'], 'closed'),
});
