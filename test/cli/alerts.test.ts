import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Json } from '../../daemon/base/canonical.ts';
import { systemClock } from '../../daemon/base/clock.ts';
import { silentLog } from '../../daemon/base/log.ts';
import { readConfig } from '../../daemon/config/read.ts';
import { openLedger } from '../../daemon/ledger/ledger.ts';
import { SOUND } from '../config/samples.ts';
import { runCommand } from './context.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'portcullis-alerts-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const run = (...argv: string[]) => {
  const reading = readConfig(Buffer.from(SOUND), home);
  if (!reading.ok) throw new Error('the configuration has faults');
  return runCommand(['alerts', ...argv], { loadConfig: async () => reading.config });
};

async function write(...entries: [type: string, data: { [key: string]: Json }][]): Promise<void> {
  const ledger = openLedger({ path: join(home, 'state', 'ledger.db'), clock: systemClock, log: silentLog });
  await ledger.start();
  for (const [type, data] of entries) await ledger.append(type, data);
  await ledger.stop();
}

const digest = 'abcdef0123456789'.repeat(4);
const tripped = {
  source: 'monitoring',
  outcome: 'tripped',
  rule: 'mass-delete',
  detail: 'Too many\u001b[2J deletions',
  latencyMs: 0.81,
  bytes: 20,
  digest,
  replay: true,
  payload: '{"a":1}',
  receivedWall: Date.UTC(2026, 7, 1, 2),
};

it('shows what arrived and what came of it, newest first', async () => {
  await write(
    ['alert.tripped', tripped],
    ['gate.tripped', { boot: 'b', seq: 1 }],
    ['alert.refused', { source: '(unknown)', outcome: 'refused', detail: 'From ::1.', bytes: 0, digest: '' }],
    ['alert.unrecorded', { source: 'monitoring', outcome: 'matched-none', count: 70 }],
  );
  const { code, out } = await run('list');
  expect(code).toBe(0);
  const [heading, ...lines] = out.trimEnd().split('\n');
  expect(heading?.split(/ +/)).toEqual(['time', 'source', 'outcome', 'rule', 'latency', 'digest', 'detail']);
  expect(lines.map((line) => line.replace(/^\S+ +/, '').replace(/ {2,}/g, ' | '))).toEqual([
    'monitoring | unrecorded | - | - | - | 70 more matched-none were not recorded.',
    '(unknown) | refused | - | - | - | From ::1.',
    'monitoring | tripped, repeated | mass-delete | 0.81 ms | abcdef012345 | Too many?[2J deletions',
  ]);
  expect(lines[2]).toMatch(/^2026-08-01T02:00:00.000Z /);
  expect((await run()).out).toBe(out);

  const json = async (...argv: string[]) => JSON.parse((await run('list', '--json', ...argv)).out).alerts;
  const { receivedWall: _, ...rest } = tripped;
  expect(await json('--limit', '1', '--source', 'monitoring')).toMatchObject([{ outcome: 'unrecorded', count: 70 }]);
  expect((await json('--source', 'monitoring'))[1]).toEqual({ seq: 1, time: '2026-08-01T02:00:00.000Z', ...rest });
  expect(await json('--source', '(unknown)')).toHaveLength(1);
});

it('says when nothing has arrived, and refuses what it does not know', async () => {
  expect(await run('list')).toMatchObject({ code: 0, out: 'Nothing has arrived yet.\n' });
  expect((await run('list', '--json')).out).toBe('{"alerts":[]}\n');
  await write(['gate.tripped', {}]);
  expect(await run('list', '--source', 'monitoring')).toMatchObject({ code: 0, out: 'Nothing has arrived yet.\n' });
  for (const argv of [
    ['lust'],
    ['list', '--limit', '0'],
    ['list', '--limit', '501'],
    ['list', '--source', 'monitorin'],
  ])
    expect((await run(...argv)).code).toBe(2);
  expect((await run('list', '--source', 'monitorin')).err).toContain('there are monitoring');
  expect((await run('--help')).out).toContain('portcullis alerts list --source');
});
