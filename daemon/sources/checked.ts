import { readFile, rename, writeFile } from 'node:fs/promises';
import { canonical } from '../base/canonical.ts';
import { errnoOf } from '../base/errors.ts';

/** What tells that nobody has written to a file since. */
export interface Stamp {
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly ino: bigint;
}

/** After so many runs a file is read again though it looks untouched: disks forget without telling. */
const ROUNDS = 16;

interface Recorded {
  readonly stamp: string;
  readonly run: number;
}

/**
 * Which files of a working copy were read through and found good, so that each run reads what is new, what was touched,
 * and what nobody has read for sixteen runs. A record that cannot be read means that nothing was checked.
 */
export class Checked {
  readonly #path: string;
  readonly #run: number;
  readonly #before: ReadonlyMap<string, Recorded>;
  readonly #now = new Map<string, Recorded>();

  private constructor(path: string, run: number, before: ReadonlyMap<string, Recorded>) {
    this.#path = path;
    this.#run = run;
    this.#before = before;
  }

  static async load(path: string): Promise<Checked> {
    try {
      const { run, files } = JSON.parse(await readFile(path, 'utf8')) as {
        run: number;
        files: Record<string, [string, number]>;
      };
      const before = Object.entries(files).map(([name, [stamp, at]]) => [name, { stamp, run: at }] as const);
      return new Checked(path, run + 1, new Map(before));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' || error instanceof SyntaxError || error instanceof TypeError)
        return new Checked(path, 1, new Map());
      throw error;
    }
  }

  /** Names found good before. */
  get names(): Iterable<string> {
    return this.#before.keys();
  }

  /** Whether `name` has to be read through; where it has not, it stays good. */
  isDue(name: string, stamp: Stamp): boolean {
    const recorded = this.#before.get(name);
    if (recorded === undefined || recorded.stamp !== written(stamp) || this.#run - recorded.run >= ROUNDS) return true;
    this.#now.set(name, recorded);
    return false;
  }

  /** `name`, as `stamp` has it, was read through just now and is good. */
  good(name: string, stamp: Stamp): void {
    this.#now.set(name, { stamp: written(stamp), run: this.#run });
  }

  /** `name` was written to by us and is as good as it was, since when it was. */
  moved(name: string, stamp: Stamp): void {
    const recorded = this.#now.get(name);
    if (recorded !== undefined) this.#now.set(name, { ...recorded, stamp: written(stamp) });
  }

  /** Keeps what is good, and forgets everything else. */
  async save(): Promise<void> {
    const files = Object.fromEntries([...this.#now].map(([name, { stamp, run }]) => [name, [stamp, run]]));
    await replace(this.#path, canonical({ run: this.#run, files }));
  }
}

/** Replaces a file that may be lost in a power cut: what it says is then found out again. */
export async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.tmp`, text, { mode: 0o600 });
  await rename(`${path}.tmp`, path);
}

function written({ size, mtimeNs, ctimeNs, ino }: Stamp): string {
  return `${size} ${mtimeNs} ${ctimeNs} ${ino}`;
}
