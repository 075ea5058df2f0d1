import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DirectWriter } from '../../daemon/store/direct-write.ts';

const memory = vi.hoisted(() => ({ none: false, asked: 0 }));
vi.mock('../../daemon/store/aligned.ts', async (original) => {
  const real = await original<typeof import('../../daemon/store/aligned.ts')>();
  return {
    ...real,
    alignedBuffer: (bytes: number) => {
      memory.asked++;
      if (memory.none) throw new RangeError('no memory to be had');
      return real.alignedBuffer(bytes);
    },
  };
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portcullis-direct-'));
  memory.asked = 0;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const of = (length: number) => Buffer.from(new Uint8Array(length).map((_, at) => (at * 31 + (at >> 12)) % 251));
const lengths = [0, 1, 65_535, 65_536, 65_537, 9 << 20, (9 << 20) + 1, 20_000_003];

it.each([
  ['directly', false],
  ['as others do where it cannot be done directly', true],
])('writes files of any length, several at once, %s', async (_, none) => {
  memory.none = none;
  const writer = new DirectWriter();
  await Promise.all(lengths.map((length) => writer.write(join(folder, String(length)), of(length))));
  for (const length of lengths) {
    expect((await readFile(join(folder, String(length)))).equals(of(length)), `${length} bytes`).toBe(true);
    expect((await stat(join(folder, String(length)))).mode & 0o777).toBe(0o400);
  }
  expect(memory.asked).toBeGreaterThan(0);
  await expect(writer.write(join(folder, '65536'), of(70_000))).rejects.toMatchObject({ code: 'EEXIST' });
  expect((await readFile(join(folder, '65536'))).equals(of(65_536))).toBe(true);
});
