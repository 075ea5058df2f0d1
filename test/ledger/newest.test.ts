import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readNewest } from '../../daemon/ledger/newest.ts';
import { ledgerAt, temporaryDirectory, writtenLedger } from './helpers.ts';

const TYPES = ['alert.tripped', 'alert.refused', 'other'];

async function written() {
  const path = join(await temporaryDirectory(), 'ledger.db');
  const ledger = ledgerAt(path);
  await ledger.start();
  for (let index = 0; index < 30; index += 1)
    await ledger.append(TYPES[index % 3] ?? '', { source: index % 2 === 0 ? 'even' : 'odd', index });
  return { path, ledger };
}

it('reads the newest of several types and of one source, page by page, beside the daemon and through it', async () => {
  const { path, ledger } = await written();
  const type = ['alert.tripped', 'alert.refused', 'alert.none'];
  const seqs = (entries: readonly { seq: number }[]) => entries.map(({ seq }) => seq);
  const first = readNewest(path, { limit: 5, type });
  expect(seqs(first)).toEqual([29, 28, 26, 25, 23]);
  expect(seqs(readNewest(path, { limit: 3, type, before: 23 }))).toEqual([22, 20, 19]);
  expect(seqs(readNewest(path, { limit: 3, type, source: 'even' }))).toEqual([29, 25, 23]);
  expect(seqs(readNewest(path, { limit: 2, source: 'odd' }))).toEqual([30, 28]);
  expect(seqs(readNewest(path, { limit: 2, type: 'other' }))).toEqual([30, 27]);
  expect(readNewest(path, { limit: 5, type, source: "'; DROP TABLE entry" })).toEqual([]);
  expect(await ledger.page({ limit: 5, type })).toEqual(first);
  expect(seqs(await ledger.page({ limit: 500, type: [] }))).toEqual([]);
});

it('says why it cannot', async () => {
  const path = await writtenLedger(1);
  expect(() => readNewest(`${path}.gone`, { limit: 1 })).toThrow('cannot be read');
});
