import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import { deliver } from './deliver.ts';
import type { Destination } from './request.ts';

/** One file that a restore makes. All are for their owner's eyes only. */
export interface Output {
  /** Relative path. */
  readonly name: string;
  readonly bytes: string | Uint8Array;
}

/**
 * Writes several files into a new folder, which appears whole or not at all. Resolves with how many, and bytes. `one`: the only
 * file is the destination itself, also standard output.
 */
export async function writeOutputs(
  to: Destination,
  outputs: AsyncIterable<Output>,
  { one, signal }: { readonly one: boolean; readonly signal: AbortSignal },
): Promise<{ files: number; bytes: number }> {
  if (to.kind === 'stream' && !one)
    throw new PortcullisError('usage.wrong', 'Standard output takes one file: name one thing, and one --format.');
  return deliver(to, async (folder) => {
    const root = join(folder, 'made');
    let made = root;
    let files = 0;
    let bytes = 0;
    await mkdir(root, { mode: 0o700 });
    for await (const output of outputs) {
      signal.throwIfAborted();
      const path = join(root, output.name);
      const content = Buffer.from(output.bytes as Uint8Array);
      await write(path, content);
      if (one) made = path;
      files += 1;
      bytes += content.length;
    }
    signal.throwIfAborted();
    return { made, result: { files, bytes } };
  });
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, bytes, { mode: 0o600, flag: 'wx', flush: true });
  } catch (error) {
    throw new PortcullisError('vault.destination', `What is restored cannot be written: ${reasonOf(error)}.`);
  }
}
