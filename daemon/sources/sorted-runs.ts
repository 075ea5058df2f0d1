import { createReadStream } from 'node:fs';
import { mkdir, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { syncDirectory, writeDurably } from '../base/durable.ts';

/**
 * More items than fit into memory, sorted: what comes in is kept in files of a folder, each sorted by itself, and merged when it is read. The files are
 * durable, so that whoever is killed can go on.
 */
export interface Sorted<T> {
  readonly folder: string;
  /** Beginning of the files' names. */
  readonly name: string;
  /** Text by which items are ordered. */
  readonly order: (item: T) => string;
}

/** Adds a file of `items`, which are JSON, as number `number`. Resolves when it is durable. */
export async function addRun<T>(sorted: Sorted<T>, number: number, items: readonly T[]): Promise<void> {
  const keyed = items.map((item) => ({ item, key: sorted.order(item) }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  await mkdir(sorted.folder, { recursive: true, mode: 0o700 });
  // readline takes these two for ends of lines.
  const line = (item: T) => JSON.stringify(item).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
  const text = keyed.map(({ item }) => `${line(item)}\n`).join('');
  await writeDurably(join(sorted.folder, `${sorted.name}-${String(number).padStart(6, '0')}`), text);
}

/** Removes the files with numbers from `from` on. */
export async function removeRuns({ folder, name }: Pick<Sorted<unknown>, 'folder' | 'name'>, from = 0): Promise<void> {
  const files = await runsIn(folder, name);
  for (const file of files.filter((one) => Number(one.slice(name.length + 1)) >= from))
    await unlink(join(folder, file));
  if (files.length > 0) await syncDirectory(folder);
}

/** All items in order. Holds one line of each file. */
export async function* merged<T>({ folder, name, order }: Sorted<T>): AsyncGenerator<T> {
  const heads: { key: string; item: T; lines: AsyncIterator<string> }[] = [];
  const next = async (lines: AsyncIterator<string>) => {
    const line = await lines.next();
    if (line.done) return undefined;
    const item = JSON.parse(line.value) as T;
    return { key: order(item), item, lines };
  };
  const streams = (await runsIn(folder, name)).map((file) => createReadStream(join(folder, file)));
  try {
    for (const input of streams) {
      const head = await next(createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]());
      if (head !== undefined) heads.push(head);
    }
    while (heads.length > 0) {
      let least = 0;
      for (let at = 1; at < heads.length; at++)
        if ((heads[at] as { key: string }).key < (heads[least] as { key: string }).key) least = at;
      const { item, lines } = heads[least] as (typeof heads)[number];
      yield item;
      const head = await next(lines);
      if (head === undefined) heads.splice(least, 1);
      else heads[least] = head;
    }
  } finally {
    for (const stream of streams) stream.destroy();
  }
}

async function runsIn(folder: string, name: string): Promise<string[]> {
  const files = await readdir(folder).catch(() => []);
  return files.filter((file) => file.startsWith(`${name}-`)).sort();
}
