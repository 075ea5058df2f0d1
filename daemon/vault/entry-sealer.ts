import { createHash } from 'node:crypto';
import { ContentLost, type Entry, type FileIdentity } from '../base/entry.ts';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import { loadPosix, type Posix } from '../files/posix.ts';
import type { BlobWriter } from './blob-writer.ts';
import { Bundle } from './bundle.ts';
import type { Hole } from './extras.ts';
import { type Attributes, encodeFile, encodeListed } from './file-list.ts';
import type { SealedFile } from './file-sealer.ts';
import { beginsAsNamed } from './file-types.ts';
import { BUNDLE_BELOW, TYPE } from './format.ts';
import { Cutter, pieces } from './gear.ts';
import type { KnownBlobs } from './known-blobs.ts';
import type { Lane } from './lane.ts';
import { ListOrder, type Place } from './list-order.ts';
import { ListWriter } from './list-writer.ts';
import { isSafePath, showPath } from './paths.ts';
import { type FileRead, readFileBytes, UnreadableFile } from './read-file.ts';
import { PACKED_REFERENCE, ReferenceList } from './reference.ts';
import { identityOf, identityRead, type SeenFiles } from './seen-files.ts';

const PROBLEMS_TOLD = 200;
/** Contents that may wait for the bundle of an earlier one. */
const MAX_WAITING = 4096;
/** Progress is told after so many entries, and inside long files after so many bytes. */
const PROGRESS_ENTRIES = 256;
const PROGRESS_BYTES = 64 << 20;
/** Longer files are cut in this thread and sealed piece by piece by all. */
const LONG_FILE = 16 << 20;
/** Files go to the lane together, up to so many, and so many bytes. */
const TASK_FILES = 512;
const TASK_BYTES = 4 << 20;

const CHANGED = 'changed while it was read';
/** The id of a blob that has none yet. */
const UNKNOWN = Buffer.alloc(32);

type FileEntry = Extract<Entry, { kind: 'file' }>;

/** A file with several names: how many have not come yet, and, once the content of the first is known, how another gets it. */
interface Linked {
  left: number;
  list?: (entry: FileEntry, place: Place) => void;
  readonly waiting: { readonly entry: FileEntry; readonly place: Place }[];
}

interface Listing {
  readonly size: number;
  readonly sha256: string | undefined;
  readonly changed: boolean;
  readonly holes?: readonly Hole[];
}

/** What a source consisted of. */
export interface SealedContent {
  readonly files: number;
  readonly bytes: number;
  readonly problemCount: number;
  readonly problems: readonly string[];
  /** Files that were read and whose names say how they begin, and those of them that do not. */
  readonly named: number;
  readonly misnamed: number;
  readonly ordered: boolean;
  readonly list: ReturnType<ListWriter['finish']>;
}

export interface EntrySealerOptions {
  readonly source: { readonly name: string };
  readonly progress?: (progress: { files: number; bytes: number }) => void;
  readonly signal?: AbortSignal;
}

export interface EntrySealerPorts {
  readonly lane: Lane;
  /** Of this thread: for the list, and for what is in bundles. */
  readonly writer: BlobWriter;
  readonly blobs: KnownBlobs;
  readonly seen: SeenFiles;
  /** Called between contents; nothing more is sealed until it resolves, if there is anything to wait for. */
  makeRoom(): Promise<void> | undefined;
}

/** Goes through the entries of a source, has their contents sealed, and writes the list. */
export class EntrySealer {
  readonly #options: EntrySealerOptions;
  readonly #ports: EntrySealerPorts;
  readonly #list: ListWriter;
  readonly #order: ListOrder;
  readonly #cutter: Cutter;
  readonly #problems: string[] = [];
  #files = 0;
  #bytes = 0;
  #problemCount = 0;
  #named = 0;
  #misnamed = 0;
  #entries = 0;
  #bundle = new Bundle();
  /** Called when the bundle has become a blob. */
  #inBundle: (() => void)[] = [];
  #task: { readonly entry: FileEntry; readonly at: Buffer; readonly place: Place }[] = [];
  #taskBytes = 0;
  readonly #links = new Map<number, Linked>();
  #posix: Posix | undefined;

  constructor(options: EntrySealerOptions, gear: Uint32Array, ports: EntrySealerPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#list = new ListWriter(ports.writer, gear);
    this.#order = new ListOrder(this.#list);
    this.#cutter = new Cutter(gear);
  }

  /** Gives all contents to the lane. Rejects as the lane, `makeRoom`, `entries` and streams in it do, or with the signal's reason. */
  async seal(entries: AsyncIterable<Entry>): Promise<void> {
    this.#posix = await loadPosix();
    for await (const entry of entries) {
      this.#options.signal?.throwIfAborted();
      if (!isSafePath(entry.path)) {
        const what = `Source ${this.#options.source.name} gave the path "${showPath(entry.path)}".`;
        throw new PortcullisError('source.failed', what);
      }
      // Most entries wait for nothing, and waiting for nothing costs as much as the rest.
      const sealing = this.#sealEntry(entry);
      if (sealing !== undefined) await sealing;
      if (this.#bundle.full || this.#inBundle.length >= MAX_WAITING) this.#flushBundle();
      this.#order.drain();
      const room = this.#ports.makeRoom();
      if (room !== undefined) await room;
      if (++this.#entries % PROGRESS_ENTRIES === 0) this.#tell();
    }
    await this.#giveTask();
  }

  /** To be called when everything that was given to the lane is done. */
  finish(): SealedContent {
    this.#flushBundle();
    this.#order.drain();
    this.#tell();
    return {
      files: this.#files,
      bytes: this.#bytes,
      problemCount: this.#problemCount,
      problems: this.#problems,
      named: this.#named,
      misnamed: this.#misnamed,
      ordered: this.#list.ordered,
      list: this.#list.finish(),
    };
  }

  #sealEntry(entry: Entry): Promise<void> | undefined {
    const { path } = entry;
    switch (entry.kind) {
      case 'file':
        return this.#sealFile(entry, this.#order.place(path));
      case 'directory':
      case 'symlink': {
        const line =
          entry.kind === 'directory'
            ? encodeListed({ ...attributesOf(entry), type: 'directory' })
            : encodeListed({ ...attributesOf(entry), type: 'symlink', target: entry.target });
        const place = this.#order.place(path);
        place.lines = [line];
        const { problem } = entry;
        if (problem !== undefined) place.written = () => this.#problem(path, problem);
        return undefined;
      }
      case 'skipped': {
        const { reason } = entry;
        this.#order.place(path).lines = [encodeListed({ type: 'skipped', path, reason })];
        return undefined;
      }
      case 'problem':
        this.#lost(this.#order.place(path), entry.reason);
        return undefined;
      default:
        return entry satisfies never;
    }
  }

  #sealFile(entry: FileEntry, place: Place): Promise<void> | undefined {
    const { content } = entry;
    const { seen, blobs } = this.#ports;
    if (this.#takesFirst(entry, place)) return undefined;
    const identity = identityOf(content);
    const old = seen.find(entry.path, identity, blobs);
    if (old !== undefined) {
      const size = Number(old.identity.size);
      const references = ReferenceList.from(old.references);
      this.#listed(entry, place, { size, sha256: old.sha256, changed: false }, references, () => seen.keep(old));
      return undefined;
    }
    // By its origin's word; whether it has come whole is looked at when it has.
    const whole = { changed: false, identity };
    if (content.from === 'stream') return this.#sealHere(entry, place, content.open(), () => whole);
    if (entry.secret === true || content.size > LONG_FILE || content.sparse === true) {
      const read: { last?: FileRead } = {};
      const bytes = readFileBytes(content.path, this.#posix, (done) => {
        read.last = done;
      });
      return this.#sealHere(entry, place, bytes, () => read.last);
    }
    this.#task.push({ entry, at: content.path, place });
    this.#taskBytes += content.size;
    return this.#task.length >= TASK_FILES || this.#taskBytes >= TASK_BYTES ? this.#giveTask() : undefined;
  }

  async #giveTask(): Promise<void> {
    const task = this.#task;
    if (task.length === 0) return;
    this.#task = [];
    this.#taskBytes = 0;
    const readWall = this.#ports.seen.now();
    const paths = task.map(({ at }) => at);
    await this.#ports.lane.files(paths, ({ files, references }) => {
      let from = 0;
      for (const [index, { entry, place, at }] of task.entries()) {
        const sealed = files[index] ?? { unreadable: 'nobody read it' };
        const end = from + ('pieces' in sealed ? sealed.pieces * PACKED_REFERENCE : 0);
        this.#sealed(entry, place, sealed, references.subarray(from, end), { at, readWall });
        from = end;
      }
    });
  }

  /**
   * A stream, a long file, or a secret: cut in this thread. Its pieces go to the lane, and what is short or secret into a bundle. `readFile`
   * is for files: what there was to say when it had been read.
   */
  async #sealHere(
    entry: FileEntry,
    place: Place,
    bytes: AsyncIterable<Buffer>,
    readFile?: () => FileRead | undefined,
  ): Promise<void> {
    const { lane, makeRoom, seen } = this.#ports;
    const references = new ReferenceList();
    const hash = createHash('sha256');
    const readWall = seen.now();
    let size = 0;
    let bundled = true;
    let asNamed: boolean | undefined;
    // Pieces whose blobs are not known yet, and one for what has not been read.
    let unknown = 1;
    const oneKnown = () => {
      if (--unknown > 0) return;
      const read: FileRead = readFile?.() ?? { changed: false, identity: undefined };
      const sha256 = bundled ? undefined : hash.digest('hex');
      const sealed = { ...read, size, sha256, asNamed, pieces: references.length };
      const at = entry.content.from === 'path' ? entry.content.path : undefined;
      this.#sealed(entry, place, sealed, references.packed, { at, readWall });
    };
    try {
      for await (const piece of pieces(this.#cutter, bytes)) {
        this.#options.signal?.throwIfAborted();
        if (size % PROGRESS_BYTES > (size + piece.length) % PROGRESS_BYTES) this.#tell(size);
        if (size === 0) asNamed = beginsAsNamed(entry.path, piece);
        size += piece.length;
        hash.update(piece);
        unknown++;
        if (entry.secret === true || piece.length < BUNDLE_BELOW) {
          this.#bundle.add(piece, references);
          this.#inBundle.push(oneKnown);
          // A bundle must not grow past a blob while one long secret is read.
          if (this.#bundle.full) this.#flushBundle();
        } else {
          bundled = false;
          const index = references.length;
          references.push({ blob: UNKNOWN, offset: 0, length: piece.length });
          await lane.piece(piece, (id) => {
            references.resolve(index, id);
            oneKnown();
          });
        }
        await makeRoom();
      }
    } catch (error) {
      // A stream that failed means that the source failed, unless it says otherwise; a file that failed is one file.
      if (!(error instanceof UnreadableFile || error instanceof ContentLost)) throw error;
      this.#unreadable(entry, place, reasonOf(error));
      return;
    }
    oneKnown();
  }

  /** A further name of a file takes the content of the first: read again, it might be another. */
  #takesFirst(entry: FileEntry, place: Place): boolean {
    const { link } = entry;
    if (link === undefined) return false;
    const first = this.#links.get(link.number);
    if (first === undefined) {
      this.#links.set(link.number, { left: link.names - 1, waiting: [] });
      return false;
    }
    first.left--;
    if (first.list === undefined) first.waiting.push({ entry, place });
    else first.list(entry, place);
    if (first.left <= 0 && first.list !== undefined) this.#links.delete(link.number);
    return true;
  }

  /** What became of the first of several names is known: the others get the same. */
  #firstKnown({ link }: FileEntry, list: NonNullable<Linked['list']>): void {
    const first = link === undefined ? undefined : this.#links.get(link.number);
    if (link === undefined || first === undefined || first.list !== undefined) return;
    first.list = list;
    for (const { entry, place } of first.waiting.splice(0)) list(entry, place);
    if (first.left <= 0) this.#links.delete(link.number);
  }

  #unreadable(entry: FileEntry, place: Place, reason: string): void {
    this.#lost(place, reason);
    this.#firstKnown(entry, (_, other) => this.#lost(other, reason));
  }

  #flushBundle(): void {
    if (this.#bundle.empty) return;
    this.#bundle.resolve(this.#ports.writer.put(TYPE.data, this.#bundle.plain));
    this.#bundle = new Bundle();
    for (const known of this.#inBundle.splice(0)) known();
  }

  #sealed(
    entry: FileEntry,
    place: Place,
    sealed: SealedFile,
    packed: Uint8Array,
    { at, readWall }: { readonly at: Buffer | undefined; readonly readWall: number },
  ): void {
    if ('unreadable' in sealed) {
      this.#unreadable(entry, place, sealed.unreadable);
      return;
    }
    const { identity, sha256, holes, asNamed } = sealed;
    if (asNamed !== undefined) this.#named++;
    if (asNamed === false) this.#misnamed++;
    const changed = sealed.changed || isAnother(entry, identity);
    this.#listed(entry, place, { ...sealed, changed }, ReferenceList.from(packed), () => {
      // Where its holes are is not remembered.
      const read = identity && identityRead(identity, sealed.size);
      if (read === undefined || holes !== undefined || changed) return;
      this.#ports.seen.remember({ path: entry.path, at, identity: read, readWall, sha256, references: packed });
    });
  }

  #listed(entry: FileEntry, place: Place, listing: Listing, references: ReferenceList, remember: () => void): void {
    const { size, sha256, changed, holes } = listing;
    this.#files++;
    this.#bytes += size;
    const attributes = attributesOf(entry);
    const told = [...(changed ? [CHANGED] : []), ...(attributes.problem === undefined ? [] : [attributes.problem])];
    const problem = told.join('; ');
    const file = {
      ...attributes,
      size,
      sha256,
      ...(problem === '' ? {} : { problem }),
      ...(holes === undefined ? {} : { holes }),
      ...(entry.link === undefined ? {} : { link: entry.link.number }),
    };
    place.lines = encodeFile(file, references);
    place.written = () => {
      if (problem !== '') this.#problem(entry.path, problem);
      remember();
    };
    this.#firstKnown(entry, (other, at) => this.#listed(other, at, listing, references, () => {}));
  }

  #lost(place: Place, told: string): void {
    const { path } = place;
    // The cut may go through a character: JSON carries only whole ones.
    const reason = told.slice(0, 1000).toWellFormed();
    place.lines = [encodeListed({ type: 'problem', path, reason })];
    place.written = () => this.#problem(path, reason);
  }

  #problem(path: Buffer, reason: string): void {
    this.#problemCount++;
    if (this.#problems.length < PROBLEMS_TOLD) {
      this.#problems.push(`${showPath(path)}: ${reason}`.slice(0, 1000).toWellFormed());
    }
  }

  #tell(more = 0): void {
    this.#options.progress?.({ files: this.#files, bytes: this.#bytes + more });
  }
}

/** Whether a file that was read is not, by size or time, what the source saw: its list would tell another one's. */
function isAnother({ content, mtimeNs }: FileEntry, read: FileIdentity | undefined): boolean {
  return (
    content.from === 'path' && read !== undefined && (Number(read.size) !== content.size || read.mtimeNs !== mtimeNs)
  );
}

function attributesOf(entry: Extract<Entry, { mode: number }>): Attributes {
  const { path, mode, mtimeNs, uid, gid, xattrs = [], problem } = entry;
  const more = problem === undefined ? {} : { problem: problem.slice(0, 1000).toWellFormed() };
  return { path, mode: mode & 0o7777, mtimeNs, uid, gid, xattrs, ...more };
}
