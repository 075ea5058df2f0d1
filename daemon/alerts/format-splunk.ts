import { isObject } from './format.ts';
import { isText, one } from './format-one.ts';

/**
 * Splunk's webhook action: the first row of the result as `result`, all of it text, keys with dots. It never says that
 * something is over. https://docs.splunk.com/Documentation/Splunk/latest/Alert/Webhooks
 */
export const splunk = one({
  what: 'a webhook of Splunk',
  is: (body) => isText(body['sid']) && isObject(body['result']) && 'search_name' in body,
});
