import { isObject } from './format.ts';
import { isText, one, says, within } from './format-one.ts';

/**
 * Azure Monitor's common alert schema, or the older one of activity log alerts.
 * https://learn.microsoft.com/en-us/azure/azure-monitor/alerts/alerts-common-schema
 */
export const azureMonitor = one({
  what: 'an alert of Azure Monitor',
  is: (body) => isText(body['schemaId']) && isObject(body['data']),
  isOver: (body) => {
    const data = within(body, 'data');
    return (
      says(within(data, 'essentials')['monitorCondition'], 'resolved') ||
      says(data['status'], 'resolved', 'deactivated')
    );
  },
});
