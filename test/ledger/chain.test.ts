import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { canonical } from '../../daemon/base/canonical.ts';
import { entryHash, GENESIS, wellFormed } from '../../daemon/ledger/chain.ts';

test('the hash is over the canonical JSON of the five fields', () => {
  const data = { z: [1, null, 'ä'], a: { b: true } };
  const entry = { seq: 7, wall: 1_780_000_000_000, type: 'gate.tripped', previous: GENESIS };
  const whole = canonical({ ...entry, data });
  expect(entryHash(entry, canonical(data))).toBe(createHash('sha256').update(whole, 'utf8').digest('hex'));
});

test('the hash of a known entry never changes', () => {
  const entry = { seq: 1, wall: 0, type: 't', previous: GENESIS };
  const text = `{"data":{},"previous":"${GENESIS}","seq":1,"type":"t","wall":0}`;
  expect(entryHash(entry, '{}')).toBe(createHash('sha256').update(text).digest('hex'));
});

test('lone surrogates become replacement characters, in keys too, everything else stays', () => {
  expect(wellFormed({ 'a\ud800': ['x\udc00y', 1, null, { deep: '\ud83d\ude00' }], gone: undefined as never })).toEqual({
    'a\ufffd': ['x\ufffdy', 1, null, { deep: '😀' }],
  });
});
