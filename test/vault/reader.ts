import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** The stand-alone reader, run by a Python that has what it needs. */

const SCRIPT = new URL('../../scripts/portcullis-reader.py', import.meta.url).pathname;

/** A Python with both packages, or undefined. */
export const python = ['python3', '/usr/bin/python3'].find((candidate) => {
  if (candidate.startsWith('/') && !existsSync(candidate)) return false;
  try {
    execFileSync(candidate, ['-c', 'import cryptography, zstandard'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

if (python === undefined) {
  console.error(
    '\n*** The reader in Python is NOT tested: no python3 with cryptography and zstandard.\n' +
      '*** In Debian: apt-get install python3-cryptography python3-zstandard\n',
  );
}

export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export function runReader(store: string, key: string, ...args: string[]): Promise<Ran> {
  return readerWith('', store, key, ...args);
}

/** As `runReader`, with `input` at its standard input. */
export function readerWith(input: string, store: string, key: string, ...args: string[]): Promise<Ran> {
  if (python === undefined) throw new Error('no Python');
  return new Promise((resolve) => {
    const child = execFile(python, [SCRIPT, '--store', store, '--key', key, ...args], (error, out, err) =>
      resolve({ status: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err }),
    );
    child.stdin?.end(input);
  });
}
