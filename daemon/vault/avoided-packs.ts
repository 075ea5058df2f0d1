import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory, writeDurably } from '../base/durable.ts';
import { errnoOf } from '../base/errors.ts';

/**
 * Packs that sealing builds nothing on, because they are to go or are gone: only snapshots that a tombstone names need them. One hash a
 * line in `<state>/avoid`.
 */
const FILE = 'avoid';

/** Rejects when the file is there and cannot be read: that is not "none". */
export async function readAvoided(state: string): Promise<Set<string>> {
  try {
    return new Set((await readFile(join(state, FILE), 'utf8')).match(/^[0-9a-f]{64}$/gm) ?? []);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return new Set();
    throw error;
  }
}

/** Replaces the list. Durable when the promise resolves. */
export async function writeAvoided(state: string, packs: ReadonlySet<string>): Promise<void> {
  await makeDirectory(state);
  await writeDurably(join(state, FILE), [...packs].map((pack) => `${pack}\n`).join(''));
}
