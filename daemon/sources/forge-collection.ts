import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '../base/durable.ts';
import { errnoOf, reasonOf } from '../base/errors.ts';
import { type Collection, ForgeError, type Page, type ReadContext } from '../forges/forge.ts';
import { CollectionFolder } from './forge-copy.ts';

export interface Reading<Of> {
  readonly collection: Collection<Of>;
  readonly of: Of;
  /** Folder of whom it belongs to; exists. The collection's own is in it, and its cursor beside that. */
  readonly folder: string;
  readonly context: ReadContext;
  /** RFC 3339: what is found to be gone has gone now. */
  readonly now: string;
  /** Told after each page how many documents have been read. */
  readonly tell: (documents: number) => void;
}

/** How far a collection was had, and what of it was not, in words. */
export interface Outcome {
  /** `none`: the forge has no such thing. `absent`: nor perhaps that which it belongs to. */
  readonly kind: 'read' | 'none' | 'absent' | 'refused';
  readonly lost: readonly string[];
}

/**
 * Brings one collection of the working copy up to date. Each page is on disk before the cursor behind it is, so an end at any
 * moment loses nothing and reads no page of changes twice. A page of which something could not be had holds the cursor
 * back: the next run reads it again, for nothing else would ever say that something is missing.
 *
 * What cannot be had is an outcome; rejects with `ForgeError` when the token is not valid, and when the disk fails.
 */
export async function readCollection<Of>(reading: Reading<Of>): Promise<Outcome> {
  const { collection, of, folder, context, now, tell } = reading;
  const { name, reach } = collection;
  const documents = new CollectionFolder(join(folder, name), name);
  const cursorFile = join(folder, `.${name}.cursor`);
  const from = reach === 'changes' ? await cursorIn(cursorFile) : undefined;
  const keys = new Set<string>();
  const lost: string[] = [];
  try {
    for await (const page of guarded(collection.read(of, from, context), context.signal)) {
      for (const { key } of page.documents) keys.add(key);
      lost.push(...(page.problems ?? []), ...(await documents.put(page.documents, context)));
      if (reach === 'changes' && page.cursor !== undefined && lost.length === 0)
        await writeDurably(cursorFile, page.cursor);
      tell(keys.size);
      context.signal.throwIfAborted();
    }
    // A document that could not be had may be missing from its page, and has not gone.
    if (reach === 'whole' && lost.length === 0) lost.push(...(await documents.keepOnly(keys, now)));
    return { kind: 'read', lost };
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof ForgeError)) throw error;
    switch (error.refusal.kind) {
      case 'unauthenticated':
        throw error;
      case 'disabled':
        return { kind: 'none', lost };
      case 'absent':
        return { kind: 'absent', lost: [...lost, describe(error)] };
      case 'denied':
      case 'failed':
        return { kind: 'refused', lost: [...lost, describe(error)] };
      default:
        return error.refusal satisfies never;
    }
  }
}

/** What a refusal means, with what to do. */
export function describe({ refusal, message }: ForgeError): string {
  const text = message.endsWith('.') ? message : `${message}.`;
  switch (refusal.kind) {
    case 'denied':
      return `${text} The token needs ${refusal.needs}.`;
    case 'unauthenticated':
      return `${text} The token is not valid (any more): make a new one and put it where the configuration says.`;
    default:
      return text;
  }
}

/** A client that stumbles over what a forge sent fails one collection, not the whole source. */
async function* guarded(pages: AsyncIterable<Page>, signal: AbortSignal): AsyncGenerator<Page> {
  const iterator = pages[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await iterator.next().catch((error: unknown) => {
        signal.throwIfAborted();
        if (error instanceof ForgeError) throw error;
        throw new ForgeError({ kind: 'failed' }, `What the forge sent is not understood: ${reasonOf(error)}`, {
          cause: error,
        });
      });
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}

async function cursorIn(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
