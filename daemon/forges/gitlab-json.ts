import { objectIn, textOf } from './documents.ts';
import type { JsonObject } from './forge.ts';
import { variableKey } from './writer.ts';

/** Throws TypeError on what is none of GitLab's own, as readers of documents do. */
export function mustText(object: JsonObject, name: string): string {
  const value = object[name];
  if (typeof value !== 'string') throw new TypeError(`GitLab's "${name}" is no text`);
  return value;
}

export function mustNumber(object: JsonObject, name: string): number {
  const value = object[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new TypeError(`GitLab's "${name}" is no number`);
  return value;
}

/** An object within, empty where there is none. */
export function within(of: JsonObject, name: string): JsonObject {
  return objectIn(of, name) ?? {};
}

export function texts(of: JsonObject, name: string): readonly string[] {
  const value = of[name];
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

/**
 * `json` without what GitLab gives beside it that is a credential of its own: whoever has `runners_token` can register a
 * runner that sees every secret of the project's pipelines. It is of no use in a restore, where GitLab makes another.
 */
export function withoutTokens(json: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(json).filter(([name]) => name !== 'runners_token'));
}

export const idOf = (object: JsonObject): string => textOf(object, 'id');
export const iidOf = (object: JsonObject): string => textOf(object, 'iid');
export const nameOf = (object: JsonObject): string => textOf(object, 'name');

/** A variable of one environment only has its scope before its name, as `variableKey` says. */
export function variableDocumentKey(object: JsonObject): string {
  const scope = object['environment_scope'];
  const name = textOf(object, 'key');
  return variableKey(typeof scope === 'string' && scope !== '*' ? { name, environment: scope } : { name });
}
