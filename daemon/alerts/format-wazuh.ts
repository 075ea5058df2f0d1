import { type Format, isObject, type JsonObject, notUnderstood } from './format.ts';
import { within } from './format-one.ts';

/**
 * An alert of Wazuh as an integration script gets it, or as the stock one for Shuffle wraps it, as `all_fields`; then that
 * is the root. https://documentation.wazuh.com/current/user-manual/manager/integration-with-external-apis.html
 */
export const wazuh: Format = (body) => {
  const found = [body, isObject(body) ? body['all_fields'] : undefined].find(isAlert);
  return found === undefined ? notUnderstood('an alert of Wazuh') : { alerts: [found] };
};

function isAlert(value: unknown): value is JsonObject {
  if (!isObject(value)) return false;
  const rule = within(value, 'rule');
  return rule['id'] !== undefined && rule['level'] !== undefined && (isObject(value['agent']) || 'manager' in value);
}
