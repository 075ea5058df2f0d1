import type { Json } from '../base/canonical.ts';
import type { LedgerEntry, LedgerReads } from '../ledger/ports.ts';
import type { Chain } from './chain.ts';
import type { KeeperStatus, SourceStatus } from './ports.ts';

type Data = { readonly [key: string]: Json };
type Window = NonNullable<KeeperStatus['lastWindow']>;

/** The window whose story is being told. */
export interface OpenWindow {
  readonly startWall: number;
  readonly connectedSeconds: number;
  readonly bytes: number;
  readonly committed: number;
  /** Why the last ship ended early, unless a later one made up for it. */
  readonly cut: string | undefined;
}

/**
 * What the keeper remembers, and nothing else: it is rebuilt from the ledger at start by the same `note` that follows
 * every append, so a restart forgets nothing and invents nothing.
 */
export interface Book {
  readonly lastSnapshots: ReadonlyMap<string, NonNullable<SourceStatus['lastSnapshot']>>;
  readonly lastFailures: ReadonlyMap<string, NonNullable<SourceStatus['lastFailure']>>;
  readonly window: OpenWindow | undefined;
  readonly lastWindow: Window | undefined;
  readonly chain: Chain;
  readonly sealedFor: number;
  /** How many packs are known to be lost from the vault, as far as the ledger has been told. */
  readonly lostPacks: number;
  /** Why what is in the vault was not protected last time; undefined when it was. */
  readonly unprotected: string | undefined;
  /** Suspicious snapshots that nobody has cleared, by sequence number: the record's hash. */
  readonly suspicious: ReadonlyMap<number, string>;
  /** Hashes of those that somebody has. */
  readonly cleared: readonly string[];
  /** Public keys that the last sealing encrypted to, sorted, and when they became others than before. */
  readonly recipients: { readonly keys: readonly string[]; readonly changedWall: number | undefined } | undefined;
  /** When each alert source was last heard, and first expected to be: wall. */
  readonly heard: ReadonlyMap<string, number>;
  readonly expected: ReadonlyMap<string, number>;
  /** Alert sources that are silent, and for how long that was seen, ms. */
  readonly silent: ReadonlyMap<string, number>;
  /** Newest gate record in the ledger, to recognise one that is sent again. */
  readonly gate: { readonly boot: string; readonly seq: number } | undefined;
}

export const EMPTY_BOOK: Book = {
  lastSnapshots: new Map(),
  lastFailures: new Map(),
  window: undefined,
  lastWindow: undefined,
  chain: { committed: undefined, signed: [] },
  sealedFor: 0,
  lostPacks: 0,
  unprotected: undefined,
  suspicious: new Map(),
  cleared: [],
  recipients: undefined,
  heard: new Map(),
  expected: new Map(),
  silent: new Map(),
  gate: undefined,
};

export function note(book: Book, entry: Pick<LedgerEntry, 'type' | 'data' | 'wall'>): Book {
  const { type, data, wall } = entry;
  const noted = type.startsWith('gate.')
    ? { ...book, gate: { boot: text(data, 'boot'), seq: count(data, 'seq') } }
    : book;
  switch (type) {
    case 'gate.isolating':
      return inWindow(noted, ({ connectedSeconds }) => ({
        connectedSeconds: connectedSeconds + count(data, 'seconds'),
      }));
    case 'window.opened': {
      const startWall = count(data, 'startWall');
      // A keeper that was restarted inside the window goes on with its story.
      if (book.window?.startWall === startWall) return book;
      return { ...book, window: { startWall, connectedSeconds: 0, bytes: 0, committed: 0, cut: undefined } };
    }
    case 'ship.failed':
      return inWindow(book, () => ({ cut: text(data, 'what') }));
    case 'ship.done':
      return inWindow(book, () => ({ cut: undefined }));
    case 'sealing.finished':
      return { ...book, sealedFor: Math.max(book.sealedFor, count(data, 'window')) };
    case 'seal.failed':
      return {
        ...book,
        lastFailures: set(book.lastFailures, text(data, 'source'), { wall, what: text(data, 'what') }),
      };
    case 'snapshot.signed':
      return {
        ...book,
        chain: { ...book.chain, signed: [...book.chain.signed, { seq: count(data, 'seq'), head: text(data, 'head') }] },
      };
    case 'snapshot.committed':
      return inWindow(committed(book, data), (window) => ({
        committed: window.committed + 1,
        bytes: window.bytes + count(data, 'shippedBytes'),
      }));
    case 'snapshots.buried':
      return { ...book, chain: { committed: { seq: count(data, 'seq'), head: text(data, 'head') }, signed: [] } };
    case 'snapshot.cleared':
      return clear(book, count(data, 'seq'));
    case 'recipients.changed': {
      const changedWall = texts(data, 'before').length > 0 ? wall : book.recipients?.changedWall;
      return { ...book, recipients: { keys: texts(data, 'recipients'), changedWall } };
    }
    case 'vault.adopted':
      return adopted(book, data);
    case 'vault.protected': {
      const left = count(data, 'left');
      return {
        ...book,
        unprotected:
          left === 0 ? undefined : `${left} objects are unfinished, open for writing, or have a second name.`,
      };
    }
    case 'vault.protect_failed':
      return { ...book, unprotected: text(data, 'what') };
    case 'vault.lost':
      return { ...book, lostPacks: count(data, 'total') };
    case 'heartbeat.expected':
      return { ...book, expected: set(book.expected, text(data, 'source'), wall) };
    case 'heartbeat.known':
      return { ...book, heard: numbers(data, 'heard'), silent: numbers(data, 'silent') };
    case 'heartbeat.missing':
    case 'heartbeat.degraded':
      return { ...book, silent: set(book.silent, text(data, 'source'), count(data, 'silentMs')) };
    case 'heartbeat.back':
      return {
        ...book,
        heard: set(book.heard, text(data, 'source'), wall),
        silent: without(book.silent, text(data, 'source')),
      };
    case 'window.finished':
      return { ...book, lastWindow: data as unknown as Window, window: undefined };
    default:
      return noted;
  }
}

function inWindow(book: Book, change: (window: OpenWindow) => Partial<OpenWindow>): Book {
  const { window } = book;
  return window === undefined ? book : { ...book, window: { ...window, ...change(window) } };
}

function committed(book: Book, data: Data): Book {
  const source = text(data, 'source');
  const snapshot = {
    snapshot: text(data, 'snapshot'),
    seq: count(data, 'seq'),
    wall: count(data, 'sealedWall'),
    files: count(data, 'files'),
    bytes: count(data, 'bytes'),
    partial: data['partial'] === true,
    // An entry that does not say so claims nothing.
    readBack: data['cachedBytes'] === 0 ? ('direct' as const) : ('cached' as const),
  };
  const failure = book.lastFailures.get(source);
  const failures = new Map(book.lastFailures);
  if (failure !== undefined && failure.wall <= snapshot.wall) failures.delete(source);
  const suspicious = new Map(book.suspicious);
  if (data['suspicious'] === true) suspicious.set(snapshot.seq, text(data, 'head'));
  return {
    ...book,
    suspicious,
    lastSnapshots: set(book.lastSnapshots, source, snapshot),
    lastFailures: failures,
    chain: { committed: { seq: snapshot.seq, head: text(data, 'head') }, signed: [] },
  };
}

/** This appliance goes on where another one stopped. */
function adopted(book: Book, data: Data): Book {
  const of = (key: string) => (Array.isArray(data[key]) ? (data[key] as Data[]) : []);
  return {
    ...book,
    chain: { committed: { seq: count(data, 'seq'), head: text(data, 'head') }, signed: [] },
    suspicious: new Map(of('suspicious').map((one) => [count(one, 'seq'), text(one, 'head')])),
    lastSnapshots: new Map(
      of('sources').map((one) => [
        text(one, 'source'),
        {
          snapshot: text(one, 'snapshot'),
          seq: count(one, 'seq'),
          wall: count(one, 'wall'),
          files: count(one, 'files'),
          bytes: count(one, 'bytes'),
          partial: one['partial'] === true,
          readBack: 'cached' as const,
        },
      ]),
    ),
  };
}

function clear(book: Book, seq: number): Book {
  const hash = book.suspicious.get(seq);
  if (hash === undefined) return book;
  const suspicious = new Map(book.suspicious);
  suspicious.delete(seq);
  return { ...book, suspicious, cleared: [...book.cleared, hash] };
}

function set<V>(map: ReadonlyMap<string, V>, key: string, value: V): Map<string, V> {
  return new Map(map).set(key, value);
}

function without<V>(map: ReadonlyMap<string, V>, key: string): Map<string, V> {
  return new Map([...map].filter(([each]) => each !== key));
}

function numbers(data: Data, key: string): Map<string, number> {
  const value = data[key];
  const pairs = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return new Map(pairs.flatMap(([name, one]) => (typeof one === 'number' ? [[name, one]] : [])));
}

function text(data: Data, key: string): string {
  const value = data[key];
  return typeof value === 'string' ? value : '';
}

function texts(data: Data, key: string): string[] {
  const value = data[key];
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

function count(data: Data, key: string): number {
  const value = data[key];
  return typeof value === 'number' ? value : 0;
}

/** Reads the ledger from the newest entry back, as far as the book needs. */
export async function recall(ledger: LedgerReads): Promise<Book> {
  const types = [
    'gate.isolating',
    'window.opened',
    'ship.failed',
    'ship.done',
    'sealing.finished',
    'seal.failed',
    'snapshot.signed',
    'snapshot.committed',
    'snapshot.cleared',
    'snapshots.buried',
    'recipients.changed',
    'heartbeat.expected',
    'heartbeat.known',
    'heartbeat.missing',
    'heartbeat.degraded',
    'heartbeat.back',
    'vault.adopted',
    'vault.lost',
    'vault.protected',
    'vault.protect_failed',
    'window.finished',
  ];
  const pages = await Promise.all([
    ledger.page({ limit: 500 }),
    ...types.map((type) => ledger.page({ type, limit: 500 })),
  ]);
  const entries = new Map(pages.flat().map((entry) => [entry.seq, entry]));
  return [...entries.values()].sort((a, b) => a.seq - b.seq).reduce(note, EMPTY_BOOK);
}
