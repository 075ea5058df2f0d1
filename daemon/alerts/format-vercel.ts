import { isObject } from './format.ts';
import { isText, one } from './format-one.ts';

/** Vercel's webhooks. https://vercel.com/docs/webhooks/webhooks-api */
export const vercel = one({
  what: 'a webhook of Vercel',
  is: (body) =>
    isText(body['id']) && isText(body['type']) && typeof body['createdAt'] === 'number' && isObject(body['payload']),
});
