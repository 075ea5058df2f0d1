import { createHash, type Hash } from 'node:crypto';

/** Watches a dump go by. Says what is wrong with it, for people: `the dump has no end marker`. */
export interface DumpCheck {
  /** Looks at the next bytes; rejects as soon as they cannot be right. */
  take(chunk: Buffer): void | Promise<void>;
  /** Rejects unless what went by was whole. */
  end(): void | Promise<void>;
  /** Called whatever happened. */
  close?(): Promise<void>;
}

/** The first and last bytes of a stream, for what stands at its ends. */
class Ends {
  head = Buffer.alloc(0);
  tail = Buffer.alloc(0);
  readonly #first: number;
  readonly #last: number;

  constructor(first: number, last: number) {
    this.#first = first;
    this.#last = last;
  }

  /** Gives back what is certainly not among the last bytes. */
  take(chunk: Buffer): Buffer {
    if (this.head.length < this.#first)
      this.head = Buffer.concat([this.head, chunk.subarray(0, this.#first - this.head.length)]);
    const all = this.tail.length === 0 ? chunk : Buffer.concat([this.tail, chunk]);
    const passed = Math.max(0, all.length - this.#last);
    // A copy: a slice would keep its whole chunk.
    this.tail = Buffer.from(all.subarray(passed));
    return all.subarray(0, passed);
  }
}

/** Text whose last 2 KiB match `marker`, and in which no line says what `never` matches. */
export function endMarker(marker: RegExp, never?: { readonly line: string; readonly meaning: string }): DumpCheck {
  const ends = new Ends(0, 2048);
  const forbidden = never === undefined ? undefined : Buffer.from(`\n${never.line}`);
  let before = Buffer.alloc(0);
  return {
    take(chunk) {
      ends.take(chunk);
      if (forbidden === undefined || never === undefined) return;
      // Across the seam between two chunks as well.
      const seam = Buffer.concat([before, chunk.subarray(0, forbidden.length)]);
      if (seam.includes(forbidden) || chunk.includes(forbidden)) throw new Error(never.meaning);
      before = Buffer.from(chunk.subarray(-forbidden.length));
    },
    end() {
      if (!marker.test(ends.tail.toString('utf8')))
        throw new Error('the dump has no end marker: it was cut short, although its program said that it was done');
    },
  };
}

/** A snapshot of etcd: a bbolt file, and after it the SHA-256 of its bytes. Source: etcd's `clientv3/snapshot`. */
export function etcdCheck(): DumpCheck {
  const ends = new Ends(32, 32);
  const hash: Hash = createHash('sha256');
  let size = 0;
  return {
    take(chunk) {
      const passed = ends.take(chunk);
      size += passed.length;
      hash.update(passed);
    },
    end() {
      // Page 0 is a meta page: header of 16 bytes, then the magic number of bbolt.
      if (ends.head.length < 20 || ends.head.readUInt32LE(16) !== 0xed0cdaed)
        throw new Error('what came is no snapshot of etcd');
      if (size % 512 !== 0 || !hash.digest().equals(ends.tail))
        throw new Error('the hash at the end of the snapshot is wrong: it was cut short or damaged');
    },
  };
}

/** `chunks` as they are, watched by `checks`; rejects when one of them does, and when nothing came. */
export async function* checked(
  chunks: AsyncIterable<Buffer>,
  ...checks: readonly DumpCheck[]
): AsyncGenerator<Buffer, void, undefined> {
  let empty = true;
  try {
    for await (const chunk of chunks) {
      empty = false;
      for (const check of checks) await check.take(chunk);
      yield chunk;
    }
    if (empty) throw new Error('the program succeeded but printed nothing');
    for (const check of checks) await check.end();
  } finally {
    for (const check of checks) await check.close?.();
  }
}
