import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Entry } from '../base/entry.ts';
import { hmac } from './crypto.ts';

/** Files that nobody has a reason to touch, put among those that an attacker goes through. */

const MOST = 100;
const MOST_BYTES = 1 << 20;

export class Canaries {
  readonly #isCanary: (path: Buffer) => boolean;
  readonly #secret: Uint8Array;
  readonly #seen: Record<string, string> = {};

  /** `secret` keys what is remembered of their content. */
  constructor(isCanary: (path: Buffer) => boolean, secret: Uint8Array) {
    this.#isCanary = isCanary;
    this.#secret = secret;
  }

  /** Entries as they are; looks at the canaries among them on their way. */
  async *watch(entries: AsyncIterable<Entry>): AsyncGenerator<Entry> {
    for await (const entry of entries) {
      if (Object.keys(this.#seen).length < MOST && this.#isCanary(entry.path))
        this.#seen[hmac(this.#secret, entry.path).toString('hex')] = await this.#mark(entry);
      yield entry;
    }
  }

  /** What was seen, by a keyed hash of the path: equal only for equal content. It is kept where no name of a file may be read. */
  get seen(): Readonly<Record<string, string>> {
    return this.#seen;
  }

  async #mark(entry: Entry): Promise<string> {
    if (entry.kind !== 'file' || entry.content.from !== 'path') return entry.kind;
    const file = await open(entry.content.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
      () => undefined,
    );
    try {
      const { bytesRead, buffer } = (await file?.read(Buffer.alloc(MOST_BYTES), 0, MOST_BYTES, 0)) ?? {};
      if (buffer === undefined || bytesRead === undefined) return 'unreadable';
      const size = Buffer.alloc(8);
      size.writeBigUInt64BE(BigInt(entry.content.size));
      return hmac(this.#secret, size, buffer.subarray(0, bytesRead)).toString('hex');
    } catch {
      return 'unreadable';
    } finally {
      await file?.close();
    }
  }
}
