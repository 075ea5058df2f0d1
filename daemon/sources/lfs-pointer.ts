/** What git keeps in the place of a large file. */
export interface Pointer {
  /** SHA-256 of the content, 64 lower-case hexadecimal digits. */
  readonly oid: string;
  /** Bytes, from 1. */
  readonly size: number;
}

/** A pointer is smaller than this, and never smaller than `MIN_POINTER`, bytes. */
export const MAX_POINTER = 1024;
export const MIN_POINTER = 100;

/** The first line of a pointer: today's, and the two that came before it. */
const VERSION =
  /^version https?:\/\/(?:git-lfs\.github\.com\/spec\/v1|hawser\.github\.com\/spec\/v1|git-media\.io\/v\/2)$/;

/**
 * The pointer `content` is, or undefined when it is something else. Of an empty file the pointer is the empty file itself.
 * Source: git-lfs, docs/spec.md.
 */
export function parsePointer(content: Buffer): Pointer | undefined {
  if (content.length >= MAX_POINTER || !content.subarray(0, 8).equals(Buffer.from('version '))) return undefined;
  const [version = '', ...lines] = content.toString('latin1').split('\n');
  if (!VERSION.test(version.trimEnd())) return undefined;
  const values = new Map(
    lines.map((line) => {
      const space = line.indexOf(' ');
      return [line.slice(0, space), line.slice(space + 1).trimEnd()];
    }),
  );
  const oid = /^sha256:([0-9a-f]{64})$/.exec(values.get('oid') ?? '')?.[1];
  const size = /^\d{1,15}$/.test(values.get('size') ?? '') ? Number(values.get('size')) : 0;
  return oid === undefined || size === 0 ? undefined : { oid, size };
}
