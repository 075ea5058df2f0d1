import type { Json } from '../base/canonical.ts';
import type { LedgerEntry } from '../ledger/ports.ts';
import type { Chain } from './chain.ts';
import type { KeeperStatus, SourceStatus } from './ports.ts';

type Data = { readonly [key: string]: Json };
type Window = NonNullable<KeeperStatus['lastWindow']>;

/**
 * What the keeper remembers, and nothing else: it is rebuilt from the ledger at start by the same `note` that follows
 * every append, so a restart forgets nothing and invents nothing.
 */
export interface Book {
  readonly lastSnapshots: ReadonlyMap<string, NonNullable<SourceStatus['lastSnapshot']>>;
  readonly lastFailures: ReadonlyMap<string, NonNullable<SourceStatus['lastFailure']>>;
  readonly lastWindow: Window | undefined;
  readonly chain: Chain;
  readonly sealedFor: number;
  readonly connectedSeconds: number;
  /** Newest gate record in the ledger, to recognise one that is sent again. */
  readonly gate: { readonly boot: string; readonly seq: number } | undefined;
}

export const EMPTY_BOOK: Book = {
  lastSnapshots: new Map(),
  lastFailures: new Map(),
  lastWindow: undefined,
  chain: { committed: undefined, signed: [] },
  sealedFor: 0,
  connectedSeconds: 0,
  gate: undefined,
};

export function note(book: Book, entry: Pick<LedgerEntry, 'type' | 'data' | 'wall'>): Book {
  const { type, data, wall } = entry;
  const noted = type.startsWith('gate.')
    ? { ...book, gate: { boot: text(data, 'boot'), seq: count(data, 'seq') } }
    : book;
  switch (type) {
    case 'gate.isolating':
      return { ...noted, connectedSeconds: book.connectedSeconds + count(data, 'seconds') };
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
      return committed(book, data);
    case 'window.finished':
      return { ...book, lastWindow: data as unknown as Window };
    default:
      return noted;
  }
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
  };
  const failure = book.lastFailures.get(source);
  const failures = new Map(book.lastFailures);
  if (failure !== undefined && failure.wall <= snapshot.wall) failures.delete(source);
  return {
    ...book,
    lastSnapshots: set(book.lastSnapshots, source, snapshot),
    lastFailures: failures,
    chain: { committed: { seq: snapshot.seq, head: text(data, 'head') }, signed: [] },
  };
}

function set<V>(map: ReadonlyMap<string, V>, key: string, value: V): Map<string, V> {
  return new Map(map).set(key, value);
}

function text(data: Data, key: string): string {
  const value = data[key];
  return typeof value === 'string' ? value : '';
}

function count(data: Data, key: string): number {
  const value = data[key];
  return typeof value === 'number' ? value : 0;
}
