import { randomFillSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { startThread } from '../../daemon/base/thread.ts';
import { KnownBlobs, shareBlobs } from '../../daemon/vault/known-blobs.ts';

/** An id that is the same for the same number, and spread as a hash is. */
function idOf(number: number): Buffer {
  const id = Buffer.alloc(32);
  id.writeUInt32LE(Math.imul(number + 1, 2654435761) >>> 0, 0);
  id.writeUInt32LE(number, 4);
  return id;
}

describe('the table of known blobs', () => {
  it('finds what was claimed, keeps the first claim, and goes on in the next table when one is full', () => {
    const blobs = new KnownBlobs(shareBlobs(0));
    const count = 150_000;
    for (let number = 0; number < count; number++) {
      expect(blobs.find(idOf(number))).toBeUndefined();
      expect(blobs.claim(idOf(number), number % 977)).toBeUndefined();
      expect(blobs.claim(idOf(number), 5)).toBe(number % 977);
    }
    expect(blobs.size).toBe(count);
    for (let number = 0; number < count; number++) expect(blobs.find(idOf(number))).toBe(number % 977);
    expect(blobs.find(idOf(count))).toBeUndefined();
  });

  it('tells ids apart that share their first twelve bytes', () => {
    const blobs = new KnownBlobs(shareBlobs(0));
    for (let last = 0; last < 100; last++) {
      const id = Buffer.alloc(32, 7);
      id.writeUInt32LE(last, 12);
      expect(blobs.claim(id, last)).toBeUndefined();
    }
    const id = Buffer.alloc(32, 7);
    id.writeUInt32LE(42, 12);
    expect(blobs.find(id)).toBe(42);
  });

  it('notes which packs are needed', () => {
    const blobs = new KnownBlobs(shareBlobs(0));
    const numbers = Array.from({ length: 100 }, () => blobs.newPack());
    expect(new Set(numbers).size).toBe(100);
    for (const number of numbers) if (number % 3 === 0) blobs.need(number, number * 10);
    expect(numbers.filter((number) => blobs.needed(number) > number * 10)).toEqual(
      numbers.filter((number) => number % 3 === 0),
    );
  });

  it('gives each blob to one of several threads that all want it', async () => {
    const shared = shareBlobs(0);
    const count = 60_000;
    const threads = [1, 2, 3].map((pack) =>
      startThread(import.meta.url, 'claim-blobs', { workerData: { shared, count, pack } }),
    );
    const won = await Promise.all(
      threads.map(
        (thread) =>
          new Promise<number>((resolve, reject) => {
            thread.on('message', resolve);
            thread.on('error', reject);
          }),
      ),
    );
    expect(won.reduce((sum, one) => sum + one)).toBe(count);
    expect(new KnownBlobs(shared).size).toBe(count);
    // Otherwise they did not meet.
    expect(won.filter((one) => one > 0).length).toBeGreaterThan(1);
  });

  it('holds five million within 300 MiB', () => {
    const before = process.memoryUsage.rss();
    const count = 5_000_000;
    const blobs = new KnownBlobs(shareBlobs(count));
    const ids = Buffer.alloc(count * 4);
    randomFillSync(ids);
    const id = Buffer.alloc(32);
    for (let number = 0; number < count; number++) {
      ids.copy(id, 0, number * 4, number * 4 + 4);
      id.writeUInt32LE(number, 8);
      blobs.claim(id, number >>> 3);
    }
    expect(blobs.size).toBe(count);
    expect(process.memoryUsage.rss() - before - ids.length).toBeLessThan(300 << 20);
  });
});
