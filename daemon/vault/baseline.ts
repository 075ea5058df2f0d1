import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory, writeDurably } from '../base/durable.ts';
import { errnoOf } from '../base/errors.ts';
import { flag, integer, list, object } from '../base/shape.ts';
import type { BlobEntry } from './blob-table.ts';
import { TYPE } from './format.ts';
import type { IndexedPack } from './index-object.ts';
import type { EarlierFigures, SourceFigures } from './poison.ts';

/** Figures of a source's sealings, in `<state>/figures/<source id>`: what `poison.ts` compares with. Thrown away, it begins to learn anew. */
const FOLDER = 'figures';
/** Two months of nightly sealings. */
const MOST = 60;
const shape = list(
  object({ files: integer(), bytes: integer(), freshBytes: integer(), denseBytes: integer(), doubted: flag }),
  MOST,
);

/** A blob that came out of compression with more than this share of its length is dense. */
const INCOMPRESSIBLE = 0.95;

/** The figures of a sealing, from the packs it wrote. */
export function figuresOf(files: number, bytes: number, written: readonly IndexedPack<BlobEntry>[]): SourceFigures {
  const fresh = written.filter(({ header }) => header.type === TYPE.data).flatMap(({ blobs }) => blobs);
  const total = (blobs: readonly BlobEntry[]) => blobs.reduce((sum, { plainLength }) => sum + plainLength, 0);
  return {
    files,
    bytes,
    freshBytes: total(fresh),
    denseBytes: total(fresh.filter(({ storedLength, plainLength }) => storedLength > INCOMPRESSIBLE * plainLength)),
  };
}

/** Oldest first. What cannot be understood is as good as none. */
export async function readBaseline(state: string, source: string): Promise<EarlierFigures[]> {
  let json: string;
  try {
    json = await readFile(join(state, FOLDER, source), 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
  try {
    return shape(JSON.parse(json));
  } catch {
    return [];
  }
}

/** Adds the figures of a sealing that is finished. Durable when the promise resolves. */
export async function addToBaseline(
  state: string,
  source: string,
  before: readonly EarlierFigures[],
  now: EarlierFigures,
): Promise<void> {
  await makeDirectory(join(state, FOLDER));
  await writeDurably(join(state, FOLDER, source), JSON.stringify([...before, now].slice(-MOST)));
}
