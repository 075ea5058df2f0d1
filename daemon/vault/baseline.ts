import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory, writeDurably } from '../base/durable.ts';
import { errnoOf } from '../base/errors.ts';
import { flag, integer, list, object, optional, record, text } from '../base/shape.ts';
import { decodeBlobTable } from './blob-table.ts';
import type { WrittenPack } from './blob-writer.ts';
import { TYPE } from './format.ts';
import { typeIn } from './header.ts';
import type { EarlierFigures, SourceFigures } from './poison.ts';

/** Figures of a source's sealings, in `<state>/figures/<source id>`: what `poison.ts` compares with. Thrown away, it begins to learn anew. */
const FOLDER = 'figures';
/** Two months of nightly sealings. */
const MOST = 60;
const shape = list(
  object({
    files: integer(),
    bytes: integer(),
    freshBytes: integer(),
    denseBytes: integer(),
    named: integer(),
    misnamed: integer(),
    canaries: optional(record(text(100))),
    doubted: flag,
  }),
  MOST,
);

/** A blob that came out of compression with more than this share of its length is dense. */
const INCOMPRESSIBLE = 0.95;

/** Counts what a sealing wrote that no earlier snapshot had. */
export class FreshContent {
  #freshBytes = 0;
  #denseBytes = 0;

  add({ header, table }: Pick<WrittenPack, 'header' | 'table'>): void {
    if (typeIn(header) !== TYPE.data) return;
    for (const { storedLength, plainLength } of decodeBlobTable(Buffer.from(table)).blobs) {
      this.#freshBytes += plainLength;
      if (storedLength > INCOMPRESSIBLE * plainLength) this.#denseBytes += plainLength;
    }
  }

  get figures(): Pick<SourceFigures, 'freshBytes' | 'denseBytes'> {
    return { freshBytes: this.#freshBytes, denseBytes: this.#denseBytes };
  }
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
