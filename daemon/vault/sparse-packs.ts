import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory, writeDurably } from '../base/durable.ts';
import { errnoOf } from '../base/errors.ts';

/**
 * Packs of which a source needs only little: as long as it does, all of their bytes stay. Its next sealing finds nothing in them, so that the
 * little is written again elsewhere, and they go with the snapshots from before. One hash a line in `<state>/sparse/<source id>`; thrown
 * away, nothing is written again until they are found once more.
 */
const FOLDER = 'sparse';

/** A pack is sparse when less than this share of its content is needed. */
const SPARSE = 0.25;
/** So much is written again in one sealing at the most: a share of the snapshot, or this many bytes. */
const MOST_SHARE = 0.02;
const MOST_BYTES = 64 << 20;

/** How much of a pack a snapshot needs. */
export interface PackUse {
  readonly pack: string;
  /** Bytes in the vault. */
  readonly size: number;
  /** Bytes of content in it, and those of them that are needed. What is needed several times may be counted so. */
  readonly plain: number;
  readonly live: number;
}

/** Which packs of `uses` to write again, the emptiest first, within what one sealing of `bytes` of content may. */
export function sparsePacks(uses: readonly PackUse[], bytes: number): string[] {
  const share = ({ plain, live }: PackUse) => (plain === 0 ? 1 : live / plain);
  let left = Math.max(MOST_BYTES, MOST_SHARE * bytes);
  const chosen: string[] = [];
  for (const use of uses.filter((one) => share(one) < SPARSE).sort((a, b) => share(a) - share(b))) {
    left -= use.live;
    if (left < 0) break;
    chosen.push(use.pack);
  }
  return chosen;
}

/** Bytes that stay in the vault only for what else is in their packs. */
export function pinnedBytes(uses: readonly PackUse[]): number {
  return uses.reduce(
    (sum, { size, plain, live }) => sum + Math.round(size * Math.max(0, 1 - live / Math.max(plain, 1))),
    0,
  );
}

export async function readSparse(state: string, source: string): Promise<Set<string>> {
  try {
    return new Set((await readFile(join(state, FOLDER, source), 'utf8')).match(/^[0-9a-f]{64}$/gm) ?? []);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return new Set();
    throw error;
  }
}

/** Replaces the list. Durable when the promise resolves. */
export async function writeSparse(state: string, source: string, packs: Iterable<string>): Promise<void> {
  await makeDirectory(join(state, FOLDER));
  await writeDurably(join(state, FOLDER, source), [...packs].map((pack) => `${pack}\n`).join(''));
}
