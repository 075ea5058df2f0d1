import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasCode } from '../../daemon/base/errors.ts';
import type { Remover, Store } from '../../daemon/vault/store.ts';

/** A store under test, empty but for nothing at all. */
export interface StoreUnderTest {
  readonly store: Store & Remover;
  /** Whether what was put a moment ago is held by a lock. */
  readonly locks?: boolean;
  /** Another handle on the same objects, as after a restart. */
  reopen(): Store;
  /** Takes the whole store away, as a cut link does. */
  takeAway(): Promise<void>;
  cleanUp(): Promise<void>;
}

async function names(store: Store, prefix: string): Promise<Record<string, number>> {
  const result: Record<string, number> = {};
  for await (const { name, size } of store.list(prefix)) result[name] = size;
  return result;
}

/** The promises of `daemon/vault/store.ts`, for every store and every wrapper. */
export function storeContract(kind: string, create: () => Promise<StoreUnderTest>): void {
  describe(`${kind} as a store`, () => {
    let under: StoreUnderTest;
    let store: Store & Remover;
    beforeEach(async () => {
      under = await create();
      store = under.store;
      await store.put('FORMAT', Buffer.from('{}'));
    });
    afterEach(() => under.cleanUp());

    it('gives back what was put, whole and in part, also after a restart', async () => {
      const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
      await store.put('packs/ab/abc', bytes);
      await store.put('index/empty', Buffer.alloc(0));
      for (const one of [store, under.reopen()]) {
        expect((await one.get('packs/ab/abc')).equals(bytes)).toBe(true);
        expect(await one.get('packs/ab/abc', { offset: 70_000, length: 10 })).toEqual(bytes.subarray(70_000, 70_010));
        expect(await one.get('packs/ab/abc', { offset: 99_995, length: 10 })).toEqual(bytes.subarray(99_995));
        expect(await one.get('packs/ab/abc', { offset: 200_000, length: 10 })).toHaveLength(0);
        expect(await one.get('index/empty')).toHaveLength(0);
        expect(await one.size('packs/ab/abc')).toBe(100_000);
      }
    });

    it('has what is put soon at once, once, and keeps it when settled', async () => {
      const names = ['packs/ab/abc', 'packs/ab/abd', 'packs/cd/cde'];
      await Promise.all(names.map((name) => store.putSoon(name, Buffer.from(name))));
      expect((await store.readBack('packs/ab/abd')).bytes.toString()).toBe('packs/ab/abd');
      await expect(store.putSoon('packs/ab/abc', Buffer.alloc(1))).rejects.toSatisfy((e) => hasCode(e, 'store.exists'));
      await store.settle();
      for (const name of names) expect((await under.reopen().get(name)).toString()).toBe(name);
    });

    it('reads back what was put, of any length, also several at once, and says whether from memory', async () => {
      const lengths = [0, 1, 4095, 4096, 4097, 100_000, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 9_000_001];
      const of = (length: number) => Buffer.from(new Uint8Array(length).map((_, at) => (at * 31 + (at >> 12)) % 251));
      for (const length of lengths) await store.put(`packs/ab/${length}`, of(length));
      for (const one of [store, under.reopen()]) {
        const read = await Promise.all(lengths.map((length) => one.readBack(`packs/ab/${length}`)));
        for (const [at, { bytes, direct }] of read.entries()) {
          expect(bytes.equals(of(lengths[at] ?? 0)), `${lengths[at]} bytes`).toBe(true);
          expect(typeof direct).toBe('boolean');
        }
      }
    });

    it('never writes a name twice', async () => {
      await store.put('keys/one', Buffer.from('first'));
      await expect(store.put('keys/one', Buffer.from('second'))).rejects.toSatisfy((e) => hasCode(e, 'store.exists'));
      expect((await store.get('keys/one')).toString()).toBe('first');
    });

    it('of two puts of one name at once exactly one wins', async () => {
      const results = await Promise.allSettled([
        store.put('keys/race', Buffer.from('a')),
        under.reopen().put('keys/race', Buffer.from('b')),
      ]);
      expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    });

    it('lists what is below a prefix and nothing unfinished', async () => {
      await store.put('packs/ab/abc', Buffer.alloc(3));
      await store.put('packs/cd/cde', Buffer.alloc(4));
      await store.put('packsets/x', Buffer.alloc(5));
      expect(await names(store, 'packs')).toEqual({ 'packs/ab/abc': 3, 'packs/cd/cde': 4 });
      expect(await names(store, 'packsets')).toEqual({ 'packsets/x': 5 });
      expect(await names(store, 'manifests')).toEqual({});
    });

    it('says what is missing', async () => {
      await expect(store.get('packs/no')).rejects.toSatisfy((e) => hasCode(e, 'store.missing'));
      await expect(store.readBack('packs/no')).rejects.toSatisfy((e) => hasCode(e, 'store.missing'));
      expect(await store.size('packs/no')).toBeUndefined();
    });

    it('removes an object, and what is not there is gone; what is locked it holds', async () => {
      await store.put('packs/ab/abc', Buffer.alloc(3));
      await store.put('packs/ab/abd', Buffer.alloc(4));
      expect(await store.remove('packs/ab/abc')).toBe(under.locks === true ? 'held' : 'gone');
      expect(await store.remove('packs/no/no')).toBe('gone');
      for (const one of [store, under.reopen()]) {
        expect(await one.size('packs/ab/abc')).toBe(under.locks === true ? 3 : undefined);
        expect(await one.size('packs/ab/abd')).toBe(4);
      }
    });

    it('refuses names that are none', async () => {
      for (const name of ['../out', '/etc/passwd', 'a//b', '', 'a/../../b', 'a b', 'ü', '.', 'a/.']) {
        await expect(store.put(name, Buffer.alloc(1))).rejects.toSatisfy((e) => hasCode(e, 'store.failed'));
        await expect(store.get(name)).rejects.toSatisfy((e) => hasCode(e, 'store.failed'));
        await expect(store.remove(name)).rejects.toSatisfy((e) => hasCode(e, 'store.failed'));
        await expect(store.readBack(name)).rejects.toSatisfy((e) => hasCode(e, 'store.failed'));
      }
    });

    it('is gone when it is gone, in every operation, and does not come back by itself', async () => {
      await store.put('packs/ab/abc', Buffer.alloc(3));
      await under.takeAway();
      const gone = (error: unknown) => hasCode(error, 'store.gone');
      await expect(store.put('packs/ab/abd', Buffer.alloc(3))).rejects.toSatisfy(gone);
      await expect(store.get('packs/ab/abc')).rejects.toSatisfy(gone);
      await expect(store.readBack('packs/ab/abc')).rejects.toSatisfy(gone);
      await expect(store.size('packs/ab/abc')).rejects.toSatisfy(gone);
      await expect(store.remove('packs/ab/abc')).rejects.toSatisfy(gone);
      await expect(names(store, 'packs')).rejects.toSatisfy(gone);
      await expect(store.put('packs/ab/abd', Buffer.alloc(3))).rejects.toSatisfy(gone);
    });
  });
}
