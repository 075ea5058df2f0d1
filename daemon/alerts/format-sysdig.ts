import { isObject } from './format.ts';
import { isText, one, says } from './format-one.ts';

/** Sysdig's webhook channel. https://docs.sysdig.com/en/docs/administration/notifications-management/ */
export const sysdig = one({
  what: 'a webhook of Sysdig',
  is: (body) => isObject(body['alert']) && isObject(body['event']) && isText(body['state']) && 'condition' in body,
  isOver: (body) => says(body['state'], 'ok', 'resolved') || body['resolved'] === true,
});
