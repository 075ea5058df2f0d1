import type { Json } from '../base/canonical.ts';
import {
  type Collection,
  type CollectionName,
  type Document,
  ForgeError,
  type JsonObject,
  type Page,
  type ReadContext,
} from './forge.ts';

/** Small helpers for clients: what they read is JSON of which little is certain. */

export function textOf(object: JsonObject, name: string): string {
  const value = object[name];
  if (typeof value !== 'string' && typeof value !== 'number')
    throw new ForgeError({ kind: 'failed' }, `the forge gave an object without "${name}"`);
  return String(value);
}

export function optionalText(object: JsonObject, name: string): string | undefined {
  const value = object[name];
  return typeof value === 'string' ? value : undefined;
}

export function objectIn(object: JsonObject, name: string): JsonObject | undefined {
  const value = object[name];
  return isObject(value) ? value : undefined;
}

export function listIn(object: JsonObject, name: string): readonly JsonObject[] {
  const value = object[name];
  return Array.isArray(value) ? value.filter(isObject) : [];
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A collection that is read whole, from pages of objects. */
export function whole<Of>(
  name: CollectionName,
  read: (of: Of, context: ReadContext) => AsyncIterable<readonly Document[]>,
  secret = false,
): Collection<Of> {
  return {
    name,
    secret,
    reach: 'whole',
    async *read(of, _cursor, context): AsyncGenerator<Page> {
      for await (const documents of read(of, context)) yield { documents };
    },
  };
}

/** Pages of objects as pages of documents. */
export async function* keyed(
  pages: AsyncIterable<readonly JsonObject[]>,
  keyOf: (object: JsonObject) => string,
): AsyncGenerator<Document[]> {
  for await (const page of pages) yield page.map((object) => ({ key: keyOf(object), object }));
}

/** Nothing, where the forge does not have what is asked for; every other refusal stands. */
export async function* ifThere<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* items;
  } catch (error) {
    if (!(error instanceof ForgeError) || (error.refusal.kind !== 'disabled' && error.refusal.kind !== 'absent'))
      throw error;
  }
}

/** What a promise gives, as a list of one. */
export async function* one<T>(promise: Promise<T>): AsyncGenerator<T> {
  yield await promise;
}
