import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory, writeDurably } from '../base/durable.ts';
import { errnoOf } from '../base/errors.ts';
import { integer, type Of, object, optional, text } from '../base/shape.ts';
import { expectVault } from './format-object.ts';
import { hex } from './loose.ts';
import { type LostPack, readLost, rememberLost } from './lost-packs.ts';
import { type Verified, type VerifyOptions, verify } from './verify.ts';

/**
 * Verifying in shares: packs are read in the order of their names, each run goes on where the last one stopped, and a round is over when all
 * have been read. How far it is stands in `<state>/verify.json`; thrown away, a new round begins.
 */
const FILE = 'verify.json';
const roundShape = object({
  version: integer(1, 1),
  vaultId: hex(16),
  /** When the round was begun, milliseconds since the epoch. */
  began: integer(),
  /** Name of the pack that was read last; empty before the first. */
  after: text(100),
  /** Read in this round so far. */
  packs: integer(),
  bytes: integer(),
  /** The last round that was finished: all that was in the vault when it began was read in between. */
  finished: optional(object({ began: integer(), ended: integer() })),
});
type Round = Of<typeof roundShape>;

/** How far the round is after a run. */
export interface Progress {
  readonly began: number;
  readonly packs: number;
  readonly bytes: number;
  /** Of the packs there are now, how many this round has still to read. 0: it is over. */
  readonly left: number;
  readonly finished?: { readonly began: number; readonly ended: number };
}

export interface ShareOptions extends Omit<VerifyOptions, 'readData' | 'key' | 'known' | 'wall'> {
  /** Where progress and lost packs are remembered. */
  readonly state: string;
  readonly vaultId: Buffer;
  /** Milliseconds since the epoch. */
  readonly wall: () => number;
  /** Whether this run has read its share: asked before each pack but the first. `total` is the size of all packs. */
  readonly enough: (bytes: number, total: number) => boolean;
  /** Progress is saved after so many bytes: a run that is killed reads no more than these again. */
  readonly saveEvery?: number;
}

/** Sixteen packs: saving costs an SD card tens of milliseconds. */
const SAVE_EVERY = 128 << 20;

/**
 * As `verify`, reading the next share of the packs. Of those it does not read it says what earlier runs found. What it finds is noted
 * for the next seal before progress passes it: a run that is killed forgets nothing. Rejects as `verify`, and with `vault.other`.
 */
export async function verifyShare(options: ShareOptions): Promise<{ verified: Verified; progress: Progress }> {
  const { store, state, vaultId, wall, enough, saveEvery = SAVE_EVERY, ...common } = options;
  await expectVault(store, vaultId);
  let round = await readRound(state, vaultId, wall());
  let found: LostPack[] = [];
  let unsaved = 0;
  const save = async () => {
    await expectVault(store, vaultId);
    await rememberLost(state, found);
    await saveRound(state, round);
    found = [];
    unsaved = 0;
  };
  let verified: Verified;
  try {
    verified = await verify({
      ...common,
      store,
      wall: wall(),
      known: await readLost(state),
      readData: {
        after: round.after,
        enough,
        async read(name, size, lost) {
          round = { ...round, after: name, packs: round.packs + 1, bytes: round.bytes + size };
          if (lost !== undefined) found.push(lost);
          unsaved += size;
          if (unsaved >= saveEvery) await save();
        },
      },
    });
  } catch (error) {
    // What cannot be saved now is read again; why the run ended is what has to be told.
    await save().catch(() => {});
    throw error;
  }
  const left = verified.roundLeft;
  if (left === 0) round = { ...round, finished: { began: round.began, ended: wall() } };
  const { began, packs, bytes, finished } = round;
  if (left === 0) round = newRound(vaultId, wall(), round);
  await save();
  return { verified, progress: { began, packs, bytes, left, ...(finished === undefined ? {} : { finished }) } };
}

function newRound(vaultId: Buffer, wall: number, before: Pick<Round, 'finished'>): Round {
  const { finished } = before;
  const round = { version: 1, vaultId: vaultId.toString('hex'), began: wall, after: '', packs: 0, bytes: 0 };
  return finished === undefined ? round : { ...round, finished };
}

/** The round that is under way. One that cannot be understood, or is of another vault, is begun anew: at worst something is read twice. */
async function readRound(state: string, vaultId: Buffer, wall: number): Promise<Round> {
  let json: string;
  try {
    json = await readFile(join(state, FILE), 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return newRound(vaultId, wall, {});
    throw error;
  }
  try {
    const round = roundShape(JSON.parse(json));
    if (round.vaultId !== vaultId.toString('hex')) return newRound(vaultId, wall, {});
    // A round that has read nothing yet begins now.
    return round.after === '' ? newRound(vaultId, wall, round) : round;
  } catch {
    return newRound(vaultId, wall, {});
  }
}

async function saveRound(state: string, round: Round): Promise<void> {
  await makeDirectory(state);
  await writeDurably(join(state, FILE), JSON.stringify(round));
}
