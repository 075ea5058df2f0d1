import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Clock } from '../base/clock.ts';
import { makeDirectory, writeDurably } from '../base/durable.ts';
import { errnoOf, reasonOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { CAPACITY, KEY_BYTES, type Seen, SeenDeliveries } from './replay.ts';

/** What was seen is on the disk this much later at the latest, as long as the disk takes it. */
const BATCH_MS = 1_000;
/** A disk that took nothing is asked again after this long. */
const RETRY_MS = 60_000;
/** A disk that gives nothing keeps nobody from listening for longer. */
const PATIENCE_MS = 2_000;

const MAGIC = Buffer.from('PORTCULLIS-SEEN\n');
/** Time (float64, little endian), key, CRC-32 of both. */
const RECORD = 8 + KEY_BYTES + 4;
/** ECMAScript knows no later time, nor an earlier one on the other side. */
const LAST_TIME = 8.64e15;
const LARGEST = MAGIC.length + 4 * CAPACITY * RECORD;

/** Where the records lie. Each operation may fail, and whatever it leaves then is written anew. */
export interface SeenStore {
  /** Everything, or undefined where there is nothing yet. */
  read(): Promise<Buffer | undefined>;
  /** Adds to what is there; rejects where there is nothing. */
  append(bytes: Buffer): Promise<void>;
  /** Puts `bytes` in place of everything, durably and at once. */
  replace(bytes: Buffer): Promise<void>;
}

/** Remembers deliveries beyond the end of the process. Writing follows the answers, and none of its failures reaches them. */
export class SeenFile implements Seen {
  readonly #store: SeenStore;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #memory: SeenDeliveries;
  readonly #capacity: number;
  #pending: (readonly [string, number])[] = [];
  /** Records in the file. */
  #records = 0;
  #anew = false;
  #failing = false;
  /** What is under way at the disk, one at a time. */
  #busy: Promise<void> | undefined;
  #cancel: (() => void) | undefined;

  constructor(store: SeenStore, clock: Clock, log: Log, capacity = CAPACITY) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#capacity = capacity;
    this.#memory = new SeenDeliveries(capacity);
  }

  /** Reads what earlier processes saw, or gives the disk up for the moment. Never rejects. */
  async start(): Promise<void> {
    this.#busy = this.#load();
    let enough = () => {};
    const patience = new Promise<void>((resolve) => {
      enough = this.#clock.after(PATIENCE_MS, resolve);
    });
    await Promise.race([this.#busy, patience]);
    enough();
  }

  /** Writes what is not written yet. Never rejects. */
  async stop(): Promise<void> {
    await this.#busy;
    this.#notLater();
    if (this.#pending.length > 0 || this.#failing) await this.#write();
    this.#notLater();
  }

  seen(key: string): number | undefined {
    return this.#memory.seen(key);
  }

  note(key: string, wall: number): void {
    this.#memory.note(key, wall);
    // More than is remembered need not wait for a disk that hangs.
    if (this.#pending.length === this.#capacity) {
      this.#pending.length = 0;
      this.#anew = true;
    }
    this.#pending.push([key, wall]);
    this.#later(BATCH_MS);
  }

  #later(ms: number): void {
    if (this.#cancel !== undefined || this.#busy !== undefined) return;
    this.#cancel = this.#clock.after(ms, () => {
      this.#cancel = undefined;
      this.#busy = this.#write();
    });
  }

  #notLater(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  async #load(): Promise<void> {
    try {
      const bytes = await this.#store.read();
      const { entries, dropped } = readRecords(bytes ?? MAGIC);
      this.#memory.precede(entries);
      this.#records = entries.length;
      this.#anew = bytes === undefined || bytes.length < MAGIC.length || dropped > 0;
      if (dropped > 0)
        this.#log.warn('of the deliveries seen before some cannot be read and are forgotten', {
          kept: entries.length,
          droppedBytes: dropped,
        });
    } catch (error) {
      this.#anew = true;
      this.#log.error('the deliveries seen before cannot be read and are forgotten', { error: reasonOf(error) });
    }
    this.#done(BATCH_MS);
  }

  async #write(): Promise<void> {
    const batch = this.#pending;
    this.#pending = [];
    try {
      if (this.#anew || this.#records + batch.length > 2 * this.#capacity) {
        const entries = this.#memory.entries();
        this.#anew = false;
        await this.#store.replace(Buffer.concat([MAGIC, ...entries.map(recordOf)]));
        this.#records = entries.length;
      } else {
        await this.#store.append(Buffer.concat(batch.map(recordOf)));
        this.#records += batch.length;
      }
      this.#failing = false;
      this.#done(BATCH_MS);
    } catch (error) {
      // Nobody knows what it left, and everything is in memory.
      this.#anew = true;
      if (!this.#failing)
        this.#log.error('deliveries that were seen are not written: a restart forgets them', {
          error: reasonOf(error),
        });
      this.#failing = true;
      this.#done(RETRY_MS);
    }
  }

  #done(ms: number): void {
    this.#busy = undefined;
    if (this.#pending.length > 0 || this.#failing) this.#later(ms);
  }
}

function recordOf([key, wall]: readonly [string, number]): Buffer {
  const record = Buffer.alloc(RECORD);
  record.writeDoubleLE(wall);
  record.write(key, 8, 'latin1');
  record.writeUInt32LE(crc32(record.subarray(0, RECORD - 4)), RECORD - 4);
  return record;
}

/** What can be read of `bytes`, whatever they are. */
function readRecords(bytes: Buffer): { entries: (readonly [string, number])[]; dropped: number } {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return { entries: [], dropped: bytes.length };
  const entries: (readonly [string, number])[] = [];
  let dropped = (bytes.length - MAGIC.length) % RECORD;
  for (let at = MAGIC.length; at + RECORD <= bytes.length; at += RECORD) {
    const record = bytes.subarray(at, at + RECORD);
    const wall = record.readDoubleLE();
    const sound = crc32(record.subarray(0, RECORD - 4)) === record.readUInt32LE(RECORD - 4);
    if (sound && Math.abs(wall) <= LAST_TIME) entries.push([record.toString('latin1', 8, 8 + KEY_BYTES), wall]);
    else dropped += RECORD;
  }
  return { entries, dropped };
}

/** The file at `path`, whose directory is made when it is first written. */
export function seenStore(path: string): SeenStore {
  return {
    async read() {
      let file: FileHandle | undefined;
      try {
        // Without O_NONBLOCK a FIFO in its place would hold a thread up for ever.
        file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
        const { size } = await file.stat();
        if (size > LARGEST) throw new Error(`it is larger than ${LARGEST} bytes`);
        return await file.readFile();
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return undefined;
        throw error;
      } finally {
        await file?.close();
      }
    },

    async append(bytes) {
      const file = await open(path, constants.O_WRONLY | constants.O_APPEND);
      try {
        await file.writeFile(bytes);
        await file.datasync();
      } finally {
        await file.close();
      }
    },

    async replace(bytes) {
      await makeDirectory(dirname(path));
      await writeDurably(path, bytes);
    },
  };
}
