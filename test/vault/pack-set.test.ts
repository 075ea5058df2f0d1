import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BlobMap } from '../../daemon/vault/blob-map.ts';
import { MAX_PACK_SETS } from '../../daemon/vault/format.ts';
import { coverPacks, decodePackSet, encodePackSet, type ListedPack } from '../../daemon/vault/pack-set.ts';

const pack = (number: number): ListedPack => ({
  name: number.toString(16).padStart(64, '0'),
  size: number,
  session: 'a'.repeat(64),
});
const byName = (packs: ListedPack[]) => new Map(packs.map((one) => [one.name, one]));

describe('pack sets', () => {
  it('are named by their packs, in any order', () => {
    const { id, bytes } = encodePackSet([pack(2), pack(1)]);
    expect(encodePackSet([pack(1), pack(2)]).id).toBe(id);
    expect(decodePackSet(id, bytes)).toEqual([pack(1), pack(2)]);
    expect(() => decodePackSet('0'.repeat(64), bytes)).toThrow('not what its name says');
  });

  it('cover what is needed, over years of sealing, with a bounded number of names', () => {
    const sets = new Map<string, readonly ListedPack[]>();
    const needed: ListedPack[] = [];
    let written = 0;
    for (let round = 1; round <= 1000; round++) {
      needed.push(pack(round));
      const { named, fresh } = coverPacks(byName(needed), sets);
      expect(fresh).toContainEqual(pack(round));
      expect(named.length + 1).toBeLessThanOrEqual(MAX_PACK_SETS);
      const covered = new Set([...named.flatMap((id) => sets.get(id) ?? []), ...fresh].map(({ name }) => name));
      expect(needed.every(({ name }) => covered.has(name))).toBe(true);
      const { id } = encodePackSet(fresh);
      sets.set(id, fresh);
      written += fresh.length;
    }
    // Full lists each time would be 500,500.
    expect(written).toBeLessThan(20_000);
  });

  it('need nothing new when old ones cover everything', () => {
    const { id } = encodePackSet([pack(1), pack(2), pack(3)]);
    const sets = new Map([[id, [pack(1), pack(2), pack(3)]]]);
    expect(coverPacks(byName([pack(1), pack(2)]), sets)).toEqual({ named: [id], fresh: [] });
    expect(coverPacks(byName([]), sets)).toEqual({ named: [], fresh: [] });
  });
});

describe('a pack set that is hardly needed any more', () => {
  it('is named no more, so that the rest of it can expire', () => {
    const old = Array.from({ length: 100 }, (_, at) => pack(at + 1));
    const { id } = encodePackSet(old);
    const sets = new Map([[id, old]]);
    const few = old.slice(0, 40);
    expect(coverPacks(byName(few), sets)).toEqual({ named: [], fresh: few });
    const many = old.slice(30);
    expect(coverPacks(byName(many), sets)).toEqual({ named: [id], fresh: [] });
  });
});

describe('the map of blobs', () => {
  it('keeps the first of 10,000 values each', () => {
    const map = new BlobMap();
    const ids = Array.from({ length: 10_000 }, () => randomBytes(32));
    for (const [value, id] of ids.entries()) map.add(id, value);
    for (const id of ids) map.add(id, -1);
    expect(map.size).toBe(10_000);
    expect(ids.every((id, value) => map.get(id) === value)).toBe(true);
    expect(map.get(randomBytes(32))).toBeUndefined();
  });
});
