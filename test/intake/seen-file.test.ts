import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Log, silentLog } from '../../daemon/base/log.ts';
import { KEY_BYTES } from '../../daemon/intake/replay.ts';
import { SeenFile, type SeenStore, seenStore } from '../../daemon/intake/seen-file.ts';
import { bench, ManualClock, post, until } from './helpers.ts';

const HEAD = 16;
const RECORD = 8 + KEY_BYTES + 4;
const key = (n: number) => String(n).padStart(KEY_BYTES, '\u00fe');

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pc-seen-'));
  path = join(folder, 'intake', 'seen');
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Said {
  level: string;
  message: string;
}

async function opened({ store = seenStore(path), capacity = 100 }: { store?: SeenStore; capacity?: number } = {}) {
  const clock = new ManualClock();
  const said: Said[] = [];
  const at =
    (level: string): Log['info'] =>
    (message) =>
      void said.push({ level, message });
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const seen = new SeenFile(store, clock, log, capacity);
  await seen.start();
  return {
    seen,
    clock,
    said,
    known: (from: number, to: number) => range(from, to).filter((n) => seen.seen(key(n)) === n),
  };
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n);
const size = () => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
const sizeOf = (records: number) => HEAD + records * RECORD;

describe('what was seen', () => {
  test('is known to the next process, and to the one after', async () => {
    const first = await opened();
    for (const n of range(0, 10)) first.seen.note(key(n), n);
    expect(first.known(0, 12)).toEqual(range(0, 10));
    await first.seen.stop();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const second = await opened();
    expect(second.known(0, 12)).toEqual(range(0, 10));
    expect(second.said).toEqual([]);
    second.seen.note(key(10), 10);
    await second.seen.stop();
    expect((await opened()).known(0, 12)).toEqual(range(0, 11));
  });

  test('is written once a second, together, without anybody waiting', async () => {
    const { seen, clock } = await opened();
    seen.note(key(0), 0);
    clock.advance(999);
    expect(size()).toBe(0);
    clock.advance(1);
    await until(() => size() === sizeOf(1));
    for (const n of range(1, 50)) seen.note(key(n), n);
    // Killed now, only these are forgotten.
    expect((await opened()).known(0, 50)).toEqual([0]);
    await until(() => {
      clock.advance(1_000);
      return size() === sizeOf(50);
    });
    expect((await opened()).known(0, 50)).toEqual(range(0, 50));
  });

  test('stays bounded: written anew when it has grown to twice of what is remembered', async () => {
    const { seen } = await opened({ capacity: 10 });
    let largest = 0;
    for (const start of range(0, 34)) {
      for (const n of range(3 * start, 3 * start + 3)) seen.note(key(n), n);
      await seen.stop();
      largest = Math.max(largest, size());
    }
    expect(largest).toBeLessThanOrEqual(sizeOf(20));
    expect(largest).toBeGreaterThan(sizeOf(13));
    expect((await opened({ capacity: 10 })).known(0, 102)).toEqual(range(92, 102));
  });

  test.each([
    ['torn in the middle of a record', (bytes: Buffer) => bytes.subarray(0, sizeOf(7) + 20), range(0, 7)],
    ['with a flipped bit', (bytes: Buffer) => flipped(bytes, sizeOf(3) + 30), [0, 1, 2, ...range(4, 10)]],
    ['with a record of zeros', (bytes: Buffer) => bytes.fill(0, sizeOf(3), sizeOf(4)), [0, 1, 2, ...range(4, 10)]],
    ['with a head of something else', (bytes: Buffer) => flipped(bytes, 3), []],
    ['of another program', () => Buffer.from('root:x:0:0:root:/root:/bin/sh\n'.repeat(20)), []],
    ['empty', () => Buffer.alloc(0), []],
  ] as const)('a file %s: what can be read counts, the rest is said and dropped', async (_, damage, left) => {
    const first = await opened();
    for (const n of range(0, 10)) first.seen.note(key(n), n);
    await first.seen.stop();
    writeFileSync(path, damage(readFileSync(path)));
    const second = await opened();
    expect(second.known(0, 10)).toEqual(left);
    expect(second.said.map(({ level }) => level)).toEqual(size() === 0 ? [] : ['warn']);
    second.seen.note(key(20), 20);
    await second.seen.stop();
    const third = await opened();
    expect(third.known(0, 21)).toEqual([...left, 20]);
    expect(third.said).toEqual([]);
  });

  test('a file larger than any, or a directory in its place, is not read and hinders nothing', async () => {
    mkdirSync(join(folder, 'intake'));
    writeFileSync(path, '');
    truncateSync(path, 1 << 30);
    const { seen, said } = await opened();
    expect(said).toMatchObject([{ level: 'error' }]);
    seen.note(key(1), 1);
    await seen.stop();
    expect(size()).toBe(sizeOf(1));
    rmSync(path);
    mkdirSync(path);
    const other = await opened();
    other.seen.note(key(2), 2);
    await other.seen.stop();
    expect(other.known(0, 5)).toEqual([2]);
    expect(other.said.map(({ level }) => level)).toEqual(['error', 'error']);
  });
});

function flipped(bytes: Buffer, at: number): Buffer {
  bytes.writeUInt8(bytes.readUInt8(at) ^ 4, at);
  return bytes;
}

/** In memory; the operation numbered `fails` fails, after half of it where there is a half. */
function failing(fails: (operation: number) => boolean): SeenStore & { count: number; bytes: Buffer | undefined } {
  const act = (half: () => void, whole: () => void) => {
    if (fails(store.count++)) {
      half();
      throw new Error('no space left on device');
    }
    whole();
  };
  const store = {
    count: 0,
    bytes: undefined as Buffer | undefined,
    async read() {
      act(
        () => {},
        () => {},
      );
      return store.bytes;
    },
    async append(bytes: Buffer) {
      const before = store.bytes ?? Buffer.alloc(0);
      act(
        () => {
          store.bytes = Buffer.concat([before, bytes.subarray(0, bytes.length / 2 + 7)]);
        },
        () => {
          store.bytes = Buffer.concat([before, bytes]);
        },
      );
    },
    async replace(bytes: Buffer) {
      act(
        () => {},
        () => {
          store.bytes = bytes;
        },
      );
    },
  };
  return store;
}

describe('a disk that fails', () => {
  test('at any one operation: nothing throws, and the next success makes up for it', async () => {
    let operation = 0;
    for (; ; operation++) {
      const store = failing((n) => n === operation);
      const { seen, clock, said, known } = await opened({ store, capacity: 10 });
      for (const n of range(0, 30)) {
        seen.note(key(n), n);
        clock.advance(1_000);
        await turns();
      }
      expect(known(0, 30)).toEqual(range(20, 30));
      clock.advance(60_000);
      await turns();
      if (store.count <= operation) break;
      expect(said.map(({ level }) => level)).toEqual(['error']);
      const next = await opened({ store, capacity: 10 });
      expect(next.known(0, 30)).toEqual(range(20, 30));
      expect(next.said).toEqual([]);
    }
    expect(operation).toBeGreaterThan(20);
  });

  test('for ever: it is asked once a minute, said once, and alerts trip as they do', async () => {
    const store = failing(() => true);
    const { seen, clock, said, known } = await opened({ store });
    for (const n of range(0, 100)) {
      seen.note(key(n), n);
      clock.advance(1_000);
      await turns();
    }
    expect(store.count).toBeLessThanOrEqual(4);
    expect(said.map(({ level }) => level)).toEqual(['error', 'error']);
    expect(known(0, 100)).toEqual(range(0, 100));
    await seen.stop();
  });

  test('that never answers keeps nobody waiting, at the start or later', async () => {
    const clock = new ManualClock();
    const hung = () => new Promise<never>(() => {});
    const seen = new SeenFile({ read: hung, append: hung, replace: hung }, clock, silentLog, 10);
    const started = seen.start();
    clock.advance(2_000);
    await started;
    const { port, gate, stop } = await bench({ seen });
    const headers = { authorization: 'Bearer token-of-the-monitoring-0123456789' };
    for (const n of range(0, 30)) seen.note(key(n), n);
    expect(await post(port, '/alerts/prometheus', headers, 'x')).toMatchObject({
      status: 202,
      body: { tripped: true },
    });
    expect(gate.causes).toHaveLength(1);
    expect(seen.seen(key(29))).toBe(29);
    await stop();
  });

  test('a place that cannot be written', async () => {
    writeFileSync(join(folder, 'intake'), 'a file where a directory should be');
    const { seen, said, known } = await opened();
    seen.note(key(1), 1);
    await seen.stop();
    expect(said.map(({ level }) => level)).toEqual(['error', 'error']);
    expect(known(0, 3)).toEqual([1]);
  });
});

async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
