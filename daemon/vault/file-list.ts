import { reasonOf } from '../base/errors.ts';
import { integer, list, oneOf, optional, type Shape, text } from '../base/shape.ts';
import { type Extras, extrasFromJson, xattrsToJson } from './extras.ts';
import { REFERENCES_PER_LINE } from './format.ts';
import { exactly, hex, loose } from './loose.ts';
import { isSafePath, pathFromJson, pathToJson } from './paths.ts';
import { type Reference, type ReferenceJson, type ReferenceList, referenceFromJson } from './reference.ts';

/** Lines of the file list: docs/vault-format.md section 3.9. */

export interface Attributes extends Extras {
  readonly path: Buffer;
  readonly mode: number;
  readonly mtimeNs: bigint;
  readonly uid: number;
  readonly gid: number;
  /** What of it could not be had, or changed while it was read. */
  readonly problem?: string;
}

export type ListedFile = Attributes & {
  readonly type: 'file';
  readonly size: number;
  readonly content: readonly Reference[];
  /** Absent when all content is in bundles. */
  readonly sha256?: string;
  /** As it stands in a list, line feed and all, where that is one line. */
  readonly line?: Buffer;
};

/** One path of a snapshot. */
export type Listed =
  | (Attributes & { readonly type: 'directory' })
  | (Attributes & { readonly type: 'symlink'; readonly target: Buffer })
  | ListedFile
  /** `skipped` holds nothing that could be kept, for example a socket; `problem` is missing. */
  | { readonly type: 'problem' | 'skipped'; readonly path: Buffer; readonly reason: string };

/** Canonical JSON where `value`'s members stand in its order. What is undefined is left out. */
function line(value: object): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`, 'utf8');
}

type Encoded = Attributes & {
  readonly type: 'directory' | 'symlink' | 'file';
  readonly target?: Buffer;
  readonly size?: number;
  readonly sha256?: string | undefined;
};

function encode(entry: Encoded, content?: readonly ReferenceJson[], pieces?: number): Buffer {
  const { path, mode, mtimeNs, uid, gid, problem, link, holes = [], xattrs = [], type, target, size, sha256 } = entry;
  return line({
    content,
    gid,
    holes: holes.length === 0 ? undefined : holes,
    link,
    mode,
    mtime: mtimeNs.toString(),
    path: pathToJson(path),
    pieces,
    problem,
    sha256,
    size,
    target: target && pathToJson(target),
    type,
    uid,
    xattrs: xattrs.length === 0 ? undefined : xattrsToJson(xattrs),
  });
}

export function encodeListed(entry: Exclude<Listed, ListedFile>): Buffer {
  switch (entry.type) {
    case 'directory':
    case 'symlink':
      return encode(entry);
    case 'problem':
    case 'skipped':
      return line({ path: pathToJson(entry.path), reason: entry.reason, type: entry.type });
    default:
      return entry satisfies never;
  }
}

/** The line of a file, and those that continue it. */
export function encodeFile(
  entry: Attributes & { readonly size: number; readonly sha256: string | undefined },
  references: ReferenceList,
): Buffer[] {
  const content = (from: number) => references.toJson(from, from + REFERENCES_PER_LINE);
  const lines = [encode({ ...entry, type: 'file' }, content(0), references.length)];
  for (let from = REFERENCES_PER_LINE; from < references.length; from += REFERENCES_PER_LINE) {
    lines.push(line({ content: content(from), type: 'more' }));
  }
  return lines;
}

const safePath: Shape<Buffer> = (value, at) => {
  const path = pathFromJson(value, at);
  if (!isSafePath(path)) throw new Error(`${at}: a path that leaves its folder`);
  return path;
};
const nanoseconds: Shape<bigint> = (value, at = '') => {
  if (typeof value !== 'string' || !/^-?\d{1,40}$/.test(value)) throw new Error(`${at}: expected nanoseconds`);
  return BigInt(value);
};
const references = list<Reference>(referenceFromJson, REFERENCES_PER_LINE);

const common = {
  path: safePath,
  mode: integer(0, 0o7777),
  mtime: nanoseconds,
  uid: integer(),
  gid: integer(),
  problem: optional(text()),
};
const directory = loose({ ...common, type: exactly('directory') });
const symlink = loose({ ...common, type: exactly('symlink'), target: pathFromJson });
const file = loose({
  ...common,
  type: exactly('file'),
  size: integer(),
  pieces: integer(),
  content: references,
  sha256: optional(hex(32)),
});
const problem = loose({ path: safePath, type: oneOf('problem', 'skipped'), reason: text() });
const more = loose({ type: exactly('more'), content: references });

/** A line this program cannot use: of a type of a later minor version, or not of the format. */
export type Unreadable = { readonly type: 'unreadable'; readonly path: Buffer; readonly reason: string };

type Decoded =
  | Exclude<Listed, ListedFile>
  | Unreadable
  | (ListedFile & { readonly pieces: number })
  | { readonly type: 'more'; readonly content: readonly Reference[] };

function decodeLine(bytes: Buffer): Decoded {
  let path: Buffer | undefined;
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    path = pathOf(value);
    return decodeValue(value);
  } catch (error) {
    // One bad line costs one path, not the snapshot. Where it would lie is only told, never used.
    return { type: 'unreadable', path: path ?? Buffer.from('?'), reason: reasonOf(error) };
  }
}

/** The file that one line is. Throws where it is none, or its content goes on. */
export function decodeFile(line: Buffer): ListedFile {
  const decoded = decodeLine(line);
  if (decoded.type !== 'file' || decoded.content.length < decoded.pieces) throw new Error('is not the line of a file');
  return decoded;
}

function pathOf(value: unknown): Buffer | undefined {
  return typeof value === 'object' && value !== null && 'path' in value ? pathFromJson(value.path) : undefined;
}

function decodeValue(value: unknown): Decoded {
  const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : undefined;
  switch (type) {
    case 'directory':
      return { ...renamed(directory(value)), ...extrasFromJson(value as object) };
    case 'symlink':
      return { ...renamed(symlink(value)), ...extrasFromJson(value as object) };
    case 'file':
      return { ...renamed(file(value)), ...extrasFromJson(value as object) };
    case 'problem':
    case 'skipped':
      return problem(value);
    case 'more':
      return more(value);
    default:
      throw new Error(`of type "${String(type)}", which this program does not know`);
  }
}

function renamed<T extends { mtime: bigint }>({ mtime, ...rest }: T): Omit<T, 'mtime'> & { mtimeNs: bigint } {
  return { ...rest, mtimeNs: mtime };
}

/** A file whose continuation is missing: everything about it is known but the whole content; `head` is what its first line says. */
export type Cut = { readonly type: 'cut'; readonly path: Buffer; readonly head: ListedFile };
export type ListEvent = Listed | Unreadable | Cut;

/**
 * Entries from the pieces of a file list. `undefined` stands for a piece that is lost: a file it should have continued
 * comes out as `cut`.
 */
export async function* decodeList(parts: AsyncIterable<Buffer | undefined>): AsyncGenerator<ListEvent> {
  let open: (ListedFile & { pieces: number; content: Reference[] }) | undefined;
  for await (const part of parts) {
    if (part === undefined) {
      if (open !== undefined) yield { type: 'cut', path: open.path, head: open };
      open = undefined;
      continue;
    }
    for (let from = 0, end = part.indexOf(10); end !== -1; from = end + 1, end = part.indexOf(10, from)) {
      const decoded = decodeLine(part.subarray(from, end));
      if (decoded.type === 'more') {
        // Without its file: the piece before was lost, or was not asked for.
        if (open === undefined) continue;
        for (const reference of decoded.content) open.content.push(reference);
      } else {
        if (open !== undefined) yield { type: 'cut', path: open.path, head: open };
        open = undefined;
        if (decoded.type !== 'file') {
          yield decoded;
          continue;
        }
        if (decoded.content.length >= decoded.pieces) {
          yield { ...decoded, line: part.subarray(from, end + 1) };
          continue;
        }
        open = { ...decoded, content: [...decoded.content] };
      }
      if (open.content.length >= open.pieces) {
        yield open;
        open = undefined;
      }
    }
  }
  if (open !== undefined) yield { type: 'cut', path: open.path, head: open };
}
