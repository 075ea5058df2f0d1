import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Cutter, DATA_CUT, gearTable, pieces } from '../../daemon/vault/gear.ts';
import { noise } from './world.ts';

const vaultId = Buffer.alloc(16, 1);
const table = gearTable(Buffer.alloc(32, 1), vaultId);

async function cutUp(bytes: Buffer, step: number, gear = table): Promise<Buffer[]> {
  const source = async function* () {
    for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
  };
  const result: Buffer[] = [];
  for await (const piece of pieces(new Cutter(gear), source())) result.push(Buffer.from(piece));
  return result;
}

describe('cutting content', () => {
  const content = noise(24_000_000, 11);

  it('loses nothing, keeps to its limits, and does not depend on how the content arrived', async () => {
    const whole = await cutUp(content, content.length);
    expect(Buffer.concat(whole).equals(content)).toBe(true);
    for (const piece of whole.slice(0, -1)) {
      expect(piece.length).toBeGreaterThan(DATA_CUT.minimum);
      expect(piece.length).toBeLessThanOrEqual(DATA_CUT.maximum);
    }
    const lengths = whole.map((piece) => piece.length);
    const average = content.length / lengths.length;
    expect(average).toBeGreaterThan(DATA_CUT.average * 0.6);
    expect(average).toBeLessThan(DATA_CUT.average * 1.8);
    for (const step of [65_536, 1_000_003, 5_000_000]) {
      expect((await cutUp(content, step)).map((piece) => piece.length)).toEqual(lengths);
    }
  });

  it('finds its cuts again after an insertion', async () => {
    const before = new Set((await cutUp(content, 1 << 20)).map((piece) => piece.toString('latin1')));
    const changed = Buffer.concat([
      content.subarray(0, 5_000_000),
      Buffer.from('inserted'),
      content.subarray(5_000_000),
    ]);
    const after = await cutUp(changed, 1 << 20);
    const fresh = after.filter((piece) => !before.has(piece.toString('latin1')));
    expect(fresh.length).toBeLessThanOrEqual(3);
  });

  it('cuts what never meets a mask at the limit, and nothing into nothing', async () => {
    expect((await cutUp(Buffer.alloc(9_000_000), 1 << 20)).map((piece) => piece.length).slice(0, 2)).toEqual([
      DATA_CUT.maximum,
      DATA_CUT.maximum,
    ]);
    expect(await cutUp(Buffer.alloc(0), 1)).toEqual([]);
    expect(await cutUp(Buffer.from('x'), 1)).toEqual([Buffer.from('x')]);
  });

  it('depends on the appliance, so that lengths are no fingerprint', async () => {
    const other = gearTable(randomBytes(32), vaultId);
    const mine = (await cutUp(content, 1 << 20)).map((piece) => piece.length);
    expect((await cutUp(content, 1 << 20, other)).map((piece) => piece.length)).not.toEqual(mine);
  });
});
