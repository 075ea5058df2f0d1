import { listIn, optionalText } from './documents.ts';
import type { JsonObject } from './forge.ts';

/** What readers of documents have in common. What is missing is empty: half a document is more than none. */

export function text(object: JsonObject, name: string): string {
  return optionalText(object, name) ?? '';
}

export function number(object: JsonObject, name: string): number {
  const value = object[name];
  if (typeof value !== 'number') throw new TypeError(`the document has no number "${name}"`);
  return value;
}

export function namesIn(object: JsonObject, list: string, name: string): string[] {
  const value = object[list];
  const plain = Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
  return [...plain, ...listIn(object, list).flatMap((one) => optionalText(one, name) ?? [])];
}

export function datesOf(object: JsonObject): { createdAt: string; closedAt?: string } {
  const closedAt = optionalText(object, 'closed_at');
  return { createdAt: text(object, 'created_at'), ...(closedAt === undefined ? {} : { closedAt }) };
}
