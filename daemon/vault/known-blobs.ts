/**
 * Which blobs there are, and in which pack, for all threads of one sealing: shared memory without locks.
 *
 * 28 bytes a blob: the first 16 bytes of its id and the number of its pack, in open addressing. Ids are keyed hashes: that two of five
 * million share 16 bytes has a probability of 10⁻²⁶. Where a table is full the next one, larger, takes what is new; memory of a table that
 * nothing was put into is not taken.
 *
 * A claim can be seen before its pack is written: a sealing whose threads do not all come to their end comes to nothing.
 */
export interface SharedBlobs {
  readonly tables: readonly SharedArrayBuffer[];
  /** How many blobs are in each table, then the number of packs. */
  readonly counts: SharedArrayBuffer;
  /** For each pack how much of it has been asked for, in steps of NEED_STEP bytes. */
  readonly needed: SharedArrayBuffer;
}

/** 32-bit words of an entry: pack number + 1 (0 is free, BUSY is being written), then the id's first 16 bytes. */
const ENTRY = 5;
const BUSY = 0xffff_ffff;
const LOAD = 0.7;
/** Tables after the first: together they take 22 million blobs, some 20 TB, in one sealing. */
const LATER = [1 << 18, 1 << 20, 1 << 22, 1 << 24];
const LEAST = 1 << 16;
const MAX_PACKS = 1 << 26;
const NEED_STEP = 64;

/** Memory for a sealing that knows about `expected` blobs before it begins. */
export function shareBlobs(expected: number): SharedBlobs {
  const slots = [Math.max(LEAST, Math.ceil(expected / LOAD)), ...LATER];
  return {
    tables: slots.map((count) => new SharedArrayBuffer(count * ENTRY * 4)),
    counts: new SharedArrayBuffer((slots.length + 1) * 4),
    needed: new SharedArrayBuffer(MAX_PACKS * 4),
  };
}

export class KnownBlobs {
  readonly #tables: readonly Uint32Array[];
  readonly #counts: Uint32Array;
  readonly #needed: Uint32Array;

  constructor({ tables, counts, needed }: SharedBlobs) {
    this.#tables = tables.map((table) => new Uint32Array(table));
    this.#counts = new Uint32Array(counts);
    this.#needed = new Uint32Array(needed);
  }

  /** How many blobs are known. */
  get size(): number {
    return this.#tables.reduce((sum, _, index) => sum + Atomics.load(this.#counts, index), 0);
  }

  /** A number that no pack of this sealing has. */
  newPack(): number {
    const number = Atomics.add(this.#counts, this.#tables.length, 1);
    if (number >= MAX_PACKS) throw new RangeError(`more than ${MAX_PACKS} packs`);
    return number;
  }

  /** The pack in which the blob is, or undefined. */
  find(id: Buffer): number | undefined {
    for (const [index, table] of this.#tables.entries()) {
      const pack = this.#probe(table, id, undefined);
      if (pack !== undefined) return pack;
      if (!this.#isFull(index)) return undefined;
    }
    return undefined;
  }

  /** Says that the blob is in `pack`, unless it is known already: then returns the pack in which it is. */
  claim(id: Buffer, pack: number): number | undefined {
    for (const [index, table] of this.#tables.entries()) {
      if (this.#isFull(index)) {
        const found = this.#probe(table, id, undefined);
        if (found !== undefined) return found;
        continue;
      }
      const found = this.#probe(table, id, pack);
      if (found === undefined) Atomics.add(this.#counts, index, 1);
      return found;
    }
    throw new RangeError('more new blobs than one sealing can take');
  }

  /** Notes that the snapshot needs so many bytes of content of the pack. */
  need(pack: number, bytes: number): void {
    Atomics.add(this.#needed, pack, Math.ceil((bytes + 1) / NEED_STEP));
  }

  /** How many bytes of content of the pack were asked for, each time that they were, rounded up; 0 when none. */
  needed(pack: number): number {
    return Atomics.load(this.#needed, pack) * NEED_STEP;
  }

  #isFull(index: number): boolean {
    const slots = (this.#tables[index]?.length ?? 0) / ENTRY;
    return Atomics.load(this.#counts, index) >= slots * LOAD;
  }

  /** The pack in which `table` has the blob. Where it has not, `claim` is put in, if given. */
  #probe(table: Uint32Array, id: Buffer, claim: number | undefined): number | undefined {
    const a = id.readUInt32LE(0);
    const b = id.readUInt32LE(4);
    const c = id.readUInt32LE(8);
    const d = id.readUInt32LE(12);
    const slots = table.length / ENTRY;
    for (let slot = Math.floor((a / 2 ** 32) * slots); ; slot = slot + 1 === slots ? 0 : slot + 1) {
      const at = slot * ENTRY;
      let value = Atomics.load(table, at);
      if (value === 0) {
        if (claim === undefined) return undefined;
        value = Atomics.compareExchange(table, at, 0, BUSY);
        if (value === 0) {
          table[at + 1] = a;
          table[at + 2] = b;
          table[at + 3] = c;
          table[at + 4] = d;
          // What was written before can be seen by whoever sees this.
          Atomics.store(table, at, claim + 1);
          return undefined;
        }
      }
      // Another thread is between the two stores above.
      while (value === BUSY) value = Atomics.load(table, at);
      if (table[at + 1] === a && table[at + 2] === b && table[at + 3] === c && table[at + 4] === d) return value - 1;
    }
  }
}
