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
}

export type Entry =
  | (Common & { readonly kind: 'directory' })
  | (Common & { readonly kind: 'symlink'; readonly target: Buffer })
  | (Common & { readonly kind: 'file'; readonly content: Content; readonly secret?: boolean })
  | { readonly kind: 'problem'; readonly path: Buffer; readonly reason: string };

/**
 * Where a file's bytes come from: a file of known absolute path (raw bytes), or a stream that rejects when its producer
 * failed. A stream is read once.
 */
export type Content =
  | { readonly from: 'path'; readonly path: Buffer; readonly size: number; readonly identity?: FileIdentity }
  | { readonly from: 'stream'; open(): AsyncIterable<Buffer> };

/** What tells a file's content apart from another, without reading it. Times are nanoseconds since the epoch by its file system's clock. */
export interface FileIdentity {
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly ino: bigint;
  /** Says only which clock that is: numbers of devices do not last. */
  readonly dev: bigint;
}
