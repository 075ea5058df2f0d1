/** What flows from a source to seal. */

interface Common {
  /** Relative path in raw bytes, `/`-separated, no `.` or `..`, no leading slash: file names need not be UTF-8. */
  readonly path: Buffer;
  /** Permission bits (0–07777). */
  readonly mode: number;
  /** Modification time, nanoseconds since the epoch. */
  readonly mtimeNs: bigint;
  readonly uid: number;
  readonly gid: number;
  /** Extended attributes, POSIX ACLs among them; absent for none. */
  readonly xattrs?: readonly Xattr[];
  /** What of this entry could not be had, its content apart. */
  readonly problem?: string;
}

/** Name and value as the kernel has them, without a byte at their end. */
export interface Xattr {
  readonly name: Buffer;
  readonly value: Buffer;
}

/** Extended attributes that are kept of one entry: their number, and bytes of names and values together. */
export const MAX_XATTRS = 1024;
export const MAX_XATTR_BYTES = 1 << 20;

/** One of several names of the same file. */
export interface Link {
  /** The same for each name of one file, from 1; another for each other file. */
  readonly number: number;
  /** How many names the file has, those outside the source counted. */
  readonly names: number;
}

export type Entry =
  | (Common & { readonly kind: 'directory' })
  | (Common & { readonly kind: 'symlink'; readonly target: Buffer })
  | (Common & { readonly kind: 'file'; readonly content: Content; readonly secret?: boolean; readonly link?: Link })
  /** What has no content and is not kept, for example `a socket`: named, and no problem. */
  | { readonly kind: 'skipped'; readonly path: Buffer; readonly reason: string }
  | { readonly kind: 'problem'; readonly path: Buffer; readonly reason: string };

/**
 * Where a file's bytes come from: a file of known absolute path (raw bytes), or a stream that rejects when its producer
 * failed. A stream is read once. What it rejects with fails the source, unless it is `ContentLost`.
 */
export type Content =
  | {
      readonly from: 'path';
      readonly path: Buffer;
      readonly size: number;
      readonly identity?: FileIdentity;
      /** Holes in it are worth looking for. */
      readonly sparse?: boolean;
    }
  | {
      readonly from: 'stream';
      open(): AsyncIterable<Buffer>;
      /** Where its origin says what tells one content from another: what was sealed under the same identity is not opened again. */
      readonly identity?: StreamIdentity;
    };

/** A stream's producer failed, and the rest of the source did not: this file is a problem, with this message as the reason. */
export class ContentLost extends Error {}

/** What a stream is by its origin's word, such as an object of a bucket by its version. */
export interface StreamIdentity {
  /** Bytes it will have: one that has another number is not remembered. Absent where nobody knows before. */
  readonly size?: number;
  /** Never the same for two contents of one path: no time alone, which two changes may share. */
  readonly tag: string;
}

/** What tells a file's content apart from another, without reading it. Times are nanoseconds since the epoch by its file system's clock. */
export interface FileIdentity {
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly ino: bigint;
  /** Says only which clock that is: numbers of devices do not last. */
  readonly dev: bigint;
}
