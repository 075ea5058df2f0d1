import { isObject, type JsonObject } from './format.ts';

/** An object with more dotted keys than this is not taken apart, nor a key with more dots than that. */
const MAX_DOTTED = 2_000;
const MAX_DEPTH = 100;

/** `value` with a path of objects for each key with dots, as far as nothing else stands in its way. */
export function withoutDots(value: JsonObject): JsonObject {
  const keys = Object.keys(value);
  const dotted = keys.filter((key) => key.includes('.'));
  if (dotted.length === 0 || dotted.length > MAX_DOTTED) return value;
  const root: Tree = new Map(Object.entries(value).filter(([key]) => !key.includes('.')));
  for (const key of dotted) if (!plant(root, key.split('.'), value[key])) root.set(key, value[key]);
  return plain(root);
}

type Tree = Map<string, unknown>;

function plant(root: Tree, path: readonly string[], value: unknown): boolean {
  if (path.length > MAX_DEPTH) return false;
  let at = root;
  for (const part of path.slice(0, -1)) {
    const next = at.get(part);
    if (next !== undefined && !(next instanceof Map) && !isObject(next)) return false;
    const branch: Tree = next instanceof Map ? next : new Map(Object.entries(next ?? {}));
    at.set(part, branch);
    at = branch;
  }
  const last = path.at(-1) ?? '';
  if (at.has(last)) return false;
  at.set(last, value);
  return true;
}

/** By way of `fromEntries`, so that a key `__proto__` stays a key. */
function plain(tree: Tree): JsonObject {
  return Object.fromEntries([...tree].map(([key, item]) => [key, item instanceof Map ? plain(item) : item]));
}
