import { createHash } from 'node:crypto';
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a forge answered, and the mark by which it says later that this is still so (RFC 9110, section 8.8.3). */
export interface Answered {
  readonly etag: string;
  /** Of the headers those that matter with the body. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Larger answers are asked for again. */
const MAX_BYTES = 2 << 20;
const MAX_FILES = 20_000;

/**
 * Answers by their address, in a folder. A memory and no more: what is lost or torn is asked for again, so nothing of it is
 * made durable. Plaintext, so nothing of class secret goes in.
 */
export class EtagCache {
  readonly #folder: string;
  readonly #maxFiles: number;

  constructor(folder: string, maxFiles = MAX_FILES) {
    this.#folder = folder;
    this.#maxFiles = maxFiles;
  }

  async get(url: string): Promise<Answered | undefined> {
    try {
      const { url: of, ...answered } = JSON.parse(await readFile(this.#path(url), 'utf8')) as Answered & {
        url: string;
      };
      return of === url ? answered : undefined;
    } catch {
      return undefined;
    }
  }

  async put(url: string, answered: Answered): Promise<void> {
    if (answered.body.length > MAX_BYTES) return;
    const path = this.#path(url);
    try {
      await writeFile(`${path}.tmp`, JSON.stringify({ url, ...answered }), { mode: 0o600 });
      await rename(`${path}.tmp`, path);
    } catch {
      // A full disk costs time, and is told by whoever needs it.
    }
  }

  /** Halves a cache that has grown too large: addresses change with time, and nobody asks for the oldest any more. */
  async prune(): Promise<void> {
    const names = await readdir(this.#folder).catch(() => []);
    if (names.length <= this.#maxFiles) return;
    const ages: { path: string; time: number }[] = [];
    for (const name of names) {
      const path = join(this.#folder, name);
      ages.push({
        path,
        time: await stat(path).then(
          ({ mtimeMs }) => mtimeMs,
          () => 0,
        ),
      });
    }
    ages.sort((a, b) => a.time - b.time);
    const kept = Math.floor(this.#maxFiles / 2);
    for (const { path } of ages.slice(0, ages.length - kept)) await rm(path, { force: true });
  }

  #path(url: string): string {
    return join(this.#folder, createHash('sha256').update(url).digest('hex'));
  }
}
