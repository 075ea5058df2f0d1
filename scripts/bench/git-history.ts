import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from './run.ts';

export interface History {
  /** Bare repository, with its large files below `lfs/objects/`. */
  readonly repository: string;
  /** From 0: the first of them that is made. */
  readonly from: number;
  readonly commits: number;
  /** Every so many commits one changes a large file. */
  readonly largeEvery: number;
  readonly largeBytes: number;
}

const FOLDERS = 50;
const FILES = 40;
const WORDS = 'a lease of the relay is lost when the gate hears nothing and the vault falls off the link at once'.split(
  ' ',
);

/**
 * Adds commits to branch `main` of a bare repository, the same for the same numbers: each changes one file of text among
 * 2,000 in 50 folders; every now and then one changes a file that LFS keeps. One object id in a thousand bytes is new.
 */
export async function addHistory({ repository, from, commits, largeEvery, largeBytes }: History): Promise<void> {
  const child = spawn('git', [`--git-dir=${repository}`, 'fast-import', '--quiet', '--force'], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const ended = once(child, 'close');
  for (let index = from; index < from + commits; index += 1) {
    const number = numbers(index);
    const change =
      index % largeEvery === largeEvery - 1
        ? { path: `media/${index % 7}.bin`, text: large(repository, index, largeBytes) }
        : { path: `src/${number() % FOLDERS}/${number() % FILES}.txt`, text: prose(number) };
    const message = `Change ${change.path}`;
    const commit = [
      'commit refs/heads/main',
      `committer Bench <bench@example.org> ${1_500_000_000 + index * 60} +0000`,
      `data ${message.length}`,
      message,
      // Without it a stream starts a branch anew.
      ...(index === from && from > 0 ? ['from refs/heads/main^0'] : []),
      `M 100644 inline ${change.path}`,
      `data ${change.text.length}`,
      change.text,
      '',
    ].join('\n');
    if (!child.stdin.write(commit)) await once(child.stdin, 'drain');
  }
  child.stdin.end();
  const [code] = await ended;
  if (code !== 0) throw new Error(`git fast-import ended with ${code}`);
}

/** An empty bare repository at `path`. */
export async function emptyRepository(path: string): Promise<void> {
  await run(['git', 'init', '--quiet', '--bare', '-b', 'main', path]);
}

/** Numbers that look like chance, the same for the same seed: xorshift32. */
function numbers(seed: number): () => number {
  let state = (seed * 2654435761 + 1) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

function prose(number: () => number): string {
  const lines = Array.from({ length: 20 + (number() % 20) }, () =>
    Array.from({ length: 8 }, () => `${WORDS[number() % WORDS.length]}${number() % 1000}`).join(' '),
  );
  return `${lines.join('\n')}\n`;
}

/** Puts a large file where LFS has it, and gives the pointer to it. */
function large(repository: string, index: number, bytes: number): string {
  const content = Buffer.alloc(bytes);
  const number = numbers(index + 0x10000000);
  for (let at = 0; at + 4 <= bytes; at += 4) content.writeUInt32LE(number(), at);
  const oid = createHash('sha256').update(content).digest('hex');
  const path = join(repository, 'lfs/objects', oid.slice(0, 2), oid.slice(2, 4), oid);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${bytes}\n`;
}
