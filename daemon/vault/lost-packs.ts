import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory, syncDirectory } from '../base/durable.ts';
import { errnoOf } from '../base/errors.ts';

/**
 * The packs of which it is known that the vault has lost them: damaged, gone, or without the key that opens them. Sealing treats what
 * was in them as new, and shipping commits nothing that needs them.
 *
 * One line each in `<state>/lost`, `<sha256> <problem>`, only ever appended to: ship and `verify` may both note at once, and a line that
 * a power cut tore costs nothing but itself.
 */
export interface LostPack {
  /** SHA-256 of the pack. */
  readonly pack: string;
  /** What is wrong, for people. */
  readonly problem: string;
}

const FILE = 'lost';
const LINE = /^([0-9a-f]{64}) (.*)$/;

/** Problem by pack, in the order in which they were noted. Rejects when the file is there and cannot be read: that is not "nothing lost". */
export async function readLost(state: string): Promise<Map<string, string>> {
  const lost = new Map<string, string>();
  for (const line of (await content(state)).split('\n')) {
    const [, pack, problem = ''] = LINE.exec(line) ?? [];
    if (pack !== undefined && !lost.has(pack)) lost.set(pack, problem);
  }
  return lost;
}

/** Notes packs, each once. Durable when the promise resolves. */
export async function rememberLost(state: string, packs: readonly LostPack[]): Promise<void> {
  if (packs.length === 0) return;
  await makeDirectory(state);
  const known = await readLost(state);
  const fresh = new Map(packs.filter(({ pack }) => !known.has(pack)).map(({ pack, problem }) => [pack, problem]));
  // A line feed first as well: what a power cut left of a line must not swallow the next.
  const lines = [...fresh].map(([pack, problem]) => `\n${pack} ${oneLine(problem)}\n`);
  const file = await open(join(state, FILE), 'a', 0o600);
  try {
    // Not `write`, which on a full disk writes a part and says nothing.
    await file.appendFile(lines.join(''));
    // Also when there was nothing to write: who wrote it may have been killed before this.
    await file.datasync();
  } finally {
    await file.close();
  }
  await syncDirectory(state);
}

async function content(state: string): Promise<string> {
  try {
    return await readFile(join(state, FILE), 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return '';
    throw error;
  }
}

function oneLine(text: string): string {
  return text
    .slice(0, 300)
    .toWellFormed()
    .replace(/\p{Cc}/gu, ' ');
}
