import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory, writeDurably } from '../base/durable.ts';
import { errnoOf } from '../base/errors.ts';
import { integer, type Of, object, optional, text } from '../base/shape.ts';
import { isLockDue, type Locks, lockEnd, lockShare } from './locks.ts';
import { hex } from './loose.ts';

/**
 * Extending locks in rounds: objects are looked at in the order of their names, each run goes on where the last one stopped, and when a round
 * is over every object is known to be locked until its target. How far it is stands in `<state>/locks.json`; thrown away, a round begins.
 */
const FILE = 'locks.json';
const roundShape = object({
  version: integer(1, 1),
  vaultId: hex(16),
  /** Every object that has to be there is locked until then, milliseconds since the epoch. */
  floor: integer(),
  /** The round under way: until when, and the name it has come to. */
  round: optional(object({ target: integer(), after: text(200) })),
});
type State = Of<typeof roundShape>;

export interface Extended {
  /** Objects looked at, and those that were locked for longer. */
  readonly looked: number;
  readonly extended: number;
  /** How many this round still has to look at; 0 when every object is locked for long enough. */
  readonly left: number;
}

export interface ExtendOptions {
  readonly locks: Locks;
  readonly state: string;
  readonly vaultId: Buffer;
  /** A trusted time, milliseconds since the epoch. */
  readonly wall: number;
  /** Most objects to look at now. */
  readonly most: number;
  readonly signal?: AbortSignal;
}

/**
 * Looks at the next share of the objects `names` and extends what falls short. Nothing is asked of the store while no round is due. Rejects as
 * the store does, remembering how far it came. What is missing is for `verify` to say.
 */
export async function extendLocks(names: () => Promise<Iterable<string>>, options: ExtendOptions): Promise<Extended> {
  const { locks, state, vaultId, wall, most, signal } = options;
  let known = await readState(state, vaultId);
  if (known.round === undefined && !isLockDue(known.floor, wall, locks.baseMs)) {
    return { looked: 0, extended: 0, left: 0 };
  }
  const { target, after } = known.round ?? { target: lockEnd(wall, locks.baseMs), after: '' };
  const ahead = [...(await names())].filter((name) => name > after).sort();
  const share = lockShare(ahead.length, known.floor, wall, locks.baseMs, most);
  let looked = 0;
  let extended = 0;
  try {
    for (const name of ahead.slice(0, share)) {
      signal?.throwIfAborted();
      if ((await locks.extend(name, target)) === 'extended') extended++;
      looked++;
      known = { ...known, round: { target, after: name } };
    }
  } finally {
    const left = ahead.length - looked;
    const { version, floor, round } = known;
    await writeState(
      state,
      left > 0
        ? { version, vaultId: known.vaultId, floor, round: round ?? { target, after } }
        : { version, vaultId: known.vaultId, floor: target },
    );
  }
  return { looked, extended, left: ahead.length - looked };
}

/** Until when every object is known to be locked, milliseconds since the epoch; undefined when nothing is known. */
export async function lockFloor(state: string, vaultId: Buffer): Promise<number | undefined> {
  const { floor } = await readState(state, vaultId);
  return floor === 0 ? undefined : floor;
}

/** Notes what is known of a vault with its first snapshot: everything in it has just been written. */
export async function beginLocks(state: string, vaultId: Buffer, floor: number): Promise<void> {
  await writeState(state, { version: 1, vaultId: vaultId.toString('hex'), floor });
}

/** What cannot be understood, or is of another vault, is as good as nothing: at worst everything is looked at again. */
async function readState(state: string, vaultId: Buffer): Promise<State> {
  const nothing = { version: 1, vaultId: vaultId.toString('hex'), floor: 0 };
  let json: string;
  try {
    json = await readFile(join(state, FILE), 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return nothing;
    throw error;
  }
  try {
    const known = roundShape(JSON.parse(json));
    return known.vaultId === nothing.vaultId ? known : nothing;
  } catch {
    return nothing;
  }
}

async function writeState(state: string, known: State): Promise<void> {
  await makeDirectory(state);
  await writeDurably(join(state, FILE), JSON.stringify(known));
}
