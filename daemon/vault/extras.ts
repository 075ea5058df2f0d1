import type { Json } from '../base/canonical.ts';
import { type Link, MAX_XATTR_BYTES, MAX_XATTRS, type Xattr } from '../base/entry.ts';
import { reasonOf } from '../base/errors.ts';
import { pathFromJson, pathToJson } from './paths.ts';

/** Members of a file list's line that no content depends on: docs/vault-format.md section 3.9. */

/** So many bytes, zero, that were not allocated: [offset, length]. */
export type Hole = readonly [number, number];

/** Holes kept of one file: a list of more would outgrow what it saves. */
export const MAX_HOLES = 4096;
const MAX_NAME = 255;
const MAX_VALUE = 1 << 16;

export interface Extras {
  readonly xattrs?: readonly Xattr[];
  readonly link?: Link['number'];
  readonly holes?: readonly Hole[];
  /** What of these members cannot be used: the path is restored without it, and told. */
  readonly unusable?: string;
}

export function xattrsToJson(xattrs: readonly Xattr[]): readonly Json[] {
  return xattrs.map(({ name, value }) => [pathToJson(name), value.toString('base64')]);
}

/** Never throws: a member that is not of the format is left out, and named in `unusable`. */
export function extrasFromJson(line: object): Extras {
  const extras: { xattrs?: readonly Xattr[]; link?: number; holes?: readonly Hole[]; unusable?: string } = {};
  const use = (member: string, take: (value: unknown) => void) => {
    const value = Object.hasOwn(line, member) ? (line as Record<string, unknown>)[member] : undefined;
    if (value === undefined) return;
    try {
      take(value);
    } catch (error) {
      extras.unusable = `its ${member} cannot be used: ${reasonOf(error)}`;
    }
  };
  use('xattrs', (value) => {
    extras.xattrs = xattrsFromJson(value);
  });
  use('link', (value) => {
    extras.link = wholeNumber(value, 1);
  });
  use('holes', (value) => {
    const { size } = line as { size?: unknown };
    extras.holes = holesFromJson(value, wholeNumber(size, 0));
  });
  return extras;
}

function xattrsFromJson(value: unknown): Xattr[] {
  if (!Array.isArray(value) || value.length > MAX_XATTRS) throw new Error(`expected at most ${MAX_XATTRS}`);
  const xattrs = value.map((one: unknown): Xattr => {
    if (!Array.isArray(one) || typeof one[1] !== 'string') throw new Error('expected name and value');
    const name = pathFromJson(one[0], 'name');
    const bytes = Buffer.from(one[1], 'base64');
    if (name.length === 0 || name.length > MAX_NAME || name.includes(0)) throw new Error('a name no system takes');
    if (bytes.toString('base64') !== one[1]) throw new Error('expected base64');
    if (bytes.length > MAX_VALUE) throw new Error('a value no system takes');
    return { name, value: bytes };
  });
  if (xattrBytes(xattrs) > MAX_XATTR_BYTES) throw new Error(`more than ${MAX_XATTR_BYTES} bytes`);
  return xattrs;
}

/** Names and values together. */
function xattrBytes(xattrs: readonly Xattr[]): number {
  return xattrs.reduce((sum, { name, value }) => sum + name.length + value.length, 0);
}

function holesFromJson(value: unknown, size: number): Hole[] {
  if (!Array.isArray(value) || value.length > MAX_HOLES) throw new Error(`expected at most ${MAX_HOLES}`);
  let end = 0;
  return value.map((one: unknown): Hole => {
    if (!Array.isArray(one)) throw new Error('expected offset and length');
    const offset = wholeNumber(one[0], end);
    const length = wholeNumber(one[1], 1);
    end = offset + length;
    if (end > size) throw new Error('a range beyond the end');
    return [offset, length];
  });
}

function wholeNumber(value: unknown, minimum: number): number {
  if (!Number.isSafeInteger(value) || (value as number) < minimum) throw new Error('expected a number in range');
  return value as number;
}
