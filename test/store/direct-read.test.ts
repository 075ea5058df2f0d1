import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectReader, readAligned } from '../../daemon/store/direct-read.ts';

/** Of file systems that read directly whatever is asked. */
const DIRECT = new Set([0xef53 /* ext4 */, 0x58465342 /* xfs */]);
const TMPFS = 0x01021994;
const MEMORY = '/dev/shm';
const here = DIRECT.has((await statfs(tmpdir())).type) && existsSync('/proc/self/io');
const inMemory = existsSync(MEMORY) && (await statfs(MEMORY)).type === TMPFS;

const content = (length: number) => Buffer.from(new Uint8Array(length).map((_, at) => (at * 17 + (at >> 9)) % 253));

describe('reading past the page cache', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portcullis-direct-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function written(at: string, bytes: Buffer): Promise<string> {
    const path = join(at, `f${bytes.length}`);
    await writeFile(path, bytes, { flush: true });
    return path;
  }

  it.runIf(here)('fetches from the disk what has just been written, whatever its length and the buffer', async () => {
    const reader = new DirectReader(64 << 10);
    for (const length of [1, 511, 4096, 4097, 65_535, 65_536, 65_537, 1_000_003]) {
      const path = await written(folder, content(length));
      const read = await reader.read(path);
      expect(read.bytes.equals(content(length)), `${length} bytes`).toBe(true);
      expect(read.direct, `${length} bytes`).toBe(true);
    }
  });

  it.runIf(here)('has the kernel fetch all of it, though memory holds it already', async () => {
    const path = await written(folder, content(1_000_003));
    const cached = await readFile(path);
    const before = fetched();
    expect((await new DirectReader().read(path)).bytes.equals(cached)).toBe(true);
    expect(fetched() - before).toBeGreaterThanOrEqual(1_000_003);
    const after = fetched();
    await readFile(path);
    expect(fetched() - after).toBeLessThan(1_000_003);
  });

  it('claims nothing for an empty file', async () => {
    expect(await new DirectReader().read(await written(folder, Buffer.alloc(0)))).toEqual({
      bytes: Buffer.alloc(0),
      direct: false,
    });
  });

  it.runIf(inMemory)('is told from memory that takes the flag or refuses it', async () => {
    const at = await mkdtemp(join(MEMORY, 'portcullis-direct-'));
    try {
      const read = await new DirectReader().read(await written(at, content(5_000_001)));
      expect(read.bytes.equals(content(5_000_001))).toBe(true);
      expect(read.direct).toBe(false);
    } finally {
      await rm(at, { recursive: true });
    }
  });

  it.runIf(existsSync('/proc/version'))('falls back where the file system refuses the flag', async () => {
    const { O_RDONLY, O_DIRECT } = (await import('node:fs')).constants;
    await expect(open('/proc/version', O_RDONLY | O_DIRECT)).rejects.toMatchObject({ code: 'EINVAL' });
    expect(await new DirectReader().read('/proc/version')).toEqual({
      bytes: await readFile('/proc/version'),
      direct: false,
    });
  });

  it('falls back where there is no memory to read into', async () => {
    const path = await written(folder, content(100_000));
    const read = await new DirectReader(2 ** 40).read(path);
    expect(read.bytes.equals(content(100_000))).toBe(true);
    expect(read.direct).toBe(false);
  });

  it('goes on after a file that is not there', async () => {
    const reader = new DirectReader();
    const path = await written(folder, content(10));
    const results = await Promise.allSettled([reader.read(join(folder, 'no')), reader.read(path), reader.read(folder)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected']);
    expect((await reader.read(path)).bytes).toEqual(content(10));
  });

  it.runIf(existsSync('/usr/bin/unshare') && process.getuid?.() === 0)(
    'falls back on a file system in memory that knows no such flag',
    () => {
      // ramfs has never had it. Its own mount namespace: nothing is left behind.
      const script = new URL('./direct-reader.ts', import.meta.url).pathname;
      const shell = `mount -t ramfs none ${folder} && head -c 100001 /dev/zero > ${folder}/f && ${process.execPath} --import tsx ${script} ${folder}/f`;
      const told = execFileSync('/usr/bin/unshare', ['--mount', 'sh', '-c', shell], { encoding: 'utf8' });
      expect(JSON.parse(told)).toEqual({ length: 100_001, direct: false });
    },
  );
});

describe('reads that begin at blocks', () => {
  /** A file whose reads give at most `limit(n)` bytes the n-th time. */
  function fake(bytes: Buffer, limit: (n: number) => number) {
    const positions: number[] = [];
    const read = async (buffer: Uint8Array, position: number) => {
      positions.push(position);
      if (position % 4096 !== 0) throw new Error('EINVAL');
      const some = bytes.subarray(position, position + Math.min(buffer.length, limit(positions.length)));
      buffer.set(some);
      return some.length;
    };
    return { read, positions };
  }
  const buffer = new Uint8Array(16_384);

  it('go on after short ones, wherever those end', async () => {
    const bytes = content(50_001);
    for (const limit of [4097, 5000, 8191, 8192, 12_345, 16_384]) {
      const { read } = fake(bytes, () => limit);
      expect((await readAligned(read, bytes.length, buffer))?.equals(bytes), `at most ${limit}`).toBe(true);
    }
    const { read, positions } = fake(bytes, (n) => (n === 2 ? 4500 : 16_384));
    expect((await readAligned(read, bytes.length, buffer))?.equals(bytes)).toBe(true);
    expect(positions).toEqual([0, 16_384, 20_480, 36_864]);
  });

  it('give up, and never give a part for the whole, when they make no headway or the file ends early', async () => {
    const bytes = content(50_001);
    expect(await readAligned(fake(bytes, (n) => (n === 1 ? 5000 : 100)).read, bytes.length, buffer)).toBeUndefined();
    expect(await readAligned(fake(bytes, () => 0).read, bytes.length, buffer)).toBeUndefined();
    expect(await readAligned(fake(bytes.subarray(0, 49_999), () => 16_384).read, 50_001, buffer)).toBeUndefined();
  });

  it('take no more than the size, from a file that grows', async () => {
    const bytes = content(50_001);
    expect((await readAligned(fake(bytes, () => 16_384).read, 20_000, buffer))?.equals(bytes.subarray(0, 20_000))).toBe(
      true,
    );
  });
});

function fetched(): number {
  const counts = execFileSync('cat', [`/proc/${process.pid}/io`], { encoding: 'utf8' });
  return Number(/^read_bytes: (\d+)$/m.exec(counts)?.[1]);
}
