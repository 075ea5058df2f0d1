import { type Format, isObject } from './format.ts';

/** Any JSON object, or an array of them that is judged one by one. */
export const json: Format = (body) => {
  const items: readonly unknown[] = Array.isArray(body) ? body : [body];
  const alerts = items.filter(isObject);
  return alerts.length === items.length ? { alerts } : { alerts, unknown: 'The body is not a JSON object.' };
};
