import { isUtf8 } from 'node:buffer';
import type { Json } from '../base/canonical.ts';

/** Paths in the file list: docs/vault-format.md section 3.9. */

const SLASH = 0x2f;
const DOT = 0x2e;

export function pathToJson(path: Buffer): Json {
  return isUtf8(path) ? path.toString('utf8') : { base64: path.toString('base64') };
}

export function pathFromJson(value: unknown, at = 'path'): Buffer {
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  if (typeof value === 'object' && value !== null && 'base64' in value && typeof value.base64 === 'string') {
    return Buffer.from(value.base64, 'base64');
  }
  throw new Error(`${at}: expected a path`);
}

/** Relative, without empty, `.` or `..` names and without NUL: what can neither leave a folder nor be misread. */
export function isSafePath(path: Buffer): boolean {
  let begin = 0;
  for (let at = 0; at <= path.length; at++) {
    const byte = at < path.length ? path[at] : SLASH;
    if (byte === 0) return false;
    if (byte !== SLASH) continue;
    const length = at - begin;
    const dots = path[begin] === DOT && (length === 1 || (length === 2 && path[begin + 1] === DOT));
    if (length === 0 || dots) return false;
    begin = at + 1;
  }
  return true;
}

/** Tree order: name by name, names by bytes, so that a folder's content follows it at once. */
export function comparePaths(a: Buffer, b: Buffer): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const x = a[at] as number;
    const y = b[at] as number;
    if (x === y) continue;
    return x === SLASH ? -1 : y === SLASH ? 1 : x - y;
  }
  return a.length - b.length;
}

/** True when `path` is `prefix` or below it. The empty prefix holds everything. */
export function isUnder(path: Buffer, prefix: Buffer): boolean {
  if (prefix.length === 0) return true;
  if (path.length < prefix.length || !path.subarray(0, prefix.length).equals(prefix)) return false;
  return path.length === prefix.length || path[prefix.length] === SLASH;
}

/** A path for people: what is not UTF-8 or could move the cursor is escaped. */
export function showPath(path: Buffer): string {
  const text = isUtf8(path) ? path.toString('utf8') : path.toString('latin1');
  return text.replace(
    isUtf8(path) ? /[\p{Cc}\\]/gu : /[^\x20-\x5b\x5d-\x7e]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
