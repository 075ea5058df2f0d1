import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Appliance } from './appliance.ts';

let appliance: Appliance;
afterEach(() => appliance.destroy());

/** The status once snapshot `seq` is in the vault and the link isolated. */
const committed = (seq: number) =>
  appliance.until(`snapshot ${seq} is committed`, 60, async () => {
    const status = await appliance.status();
    const newest = status?.sources[0]?.lastSnapshot?.seq ?? 0;
    return newest >= seq && status?.gate?.view.link === 'isolated' ? { ...status, newest } : undefined;
  });

const bytes = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)).length)
    .reduce((sum, length) => sum + length, 0);

describe('recovery keys, over the real processes', () => {
  it('one is added and one removed while the appliance runs, and the ledger tells', async () => {
    appliance = new Appliance();
    appliance.folder('documents', 5, 200_000);
    await appliance.create({ sources: [{ name: 'documents', kind: 'directory', path: appliance.at('documents') }] });
    await appliance.start();
    await committed(1);
    const second = appliance.at('second.key');
    expect(await appliance.cli('keys', 'new', '--to', second)).toMatchObject({ code: 0 });
    expect(await appliance.cli('keys', 'add', '--key', second)).toMatchObject({ code: 0 });
    const { newest } = await appliance.until('a snapshot for both keys', 60, async () => {
      const changed = (await appliance.ledger()).filter(({ type }) => type === 'recipients.changed');
      const [at, last] = [changed.at(-1)?.seq ?? 0, changed.at(-1)?.data];
      if ((last?.['recipients'] as string[] | undefined)?.length !== 2) return undefined;
      const after = (await appliance.ledger()).find(({ type, seq }) => type === 'snapshot.committed' && seq > at);
      return after === undefined ? undefined : { newest: after.data['seq'] as number };
    });
    expect((await appliance.status())?.attention.join()).toMatch(/recovery keys were changed/);
    const [first] = JSON.parse((await appliance.cli('keys', '--json')).out).keys as { fingerprint: string }[];
    expect(await appliance.cli('keys', 'remove', first?.fingerprint ?? '')).toMatchObject({ code: 0 });
    await appliance.until('a snapshot for the second key alone', 60, async () => {
      const ledger = await appliance.ledger();
      const changed = ledger.findLast(({ type }) => type === 'recipients.changed');
      const alone = (changed?.data['recipients'] as string[] | undefined)?.length === 1;
      return alone && ledger.some(({ type, seq }) => type === 'snapshot.committed' && seq > (changed?.seq ?? 0))
        ? true
        : undefined;
    });
    await appliance.stop();
    const disk = ['--store', appliance.at('board/disk')];
    const opens = async (key: string, snapshot: string) => {
      const to = appliance.at(`out-${snapshot}-${key}`);
      const { code, err } = await appliance.cli('restore', snapshot, '--to', to, ...disk, '--key', appliance.at(key));
      return code === 0 || /\[([a-z.]+)\]/.exec(err)?.[1];
    };
    const last = JSON.parse((await appliance.cli('snapshots', '--json', ...disk, '--key', second)).out).at(-1).seq;
    expect(await opens('recovery.key', '1')).toBe(true);
    expect(await opens('second.key', '1')).toBe('vault.recipient');
    expect(await opens('recovery.key', String(newest))).toBe(true);
    expect(await opens('second.key', String(newest))).toBe(true);
    expect(await opens('recovery.key', String(last))).toBe('vault.recipient');
    expect(await opens('second.key', String(last))).toBe(true);
    const again = await appliance.cli('keys', 'rewrap', ...disk, '--key', appliance.at('recovery.key'));
    expect(again.out).toContain('wrapped again');
    rmSync(appliance.at('out-1-second.key'), { recursive: true, force: true });
    expect(await opens('second.key', '1')).toBe(true);
  }, 120_000);

  it('a box whose memory card died comes back with the vault and a key, and sends nothing twice', async () => {
    appliance = new Appliance();
    appliance.folder('documents', 20, 200_000);
    await appliance.create({ sources: [{ name: 'documents', kind: 'directory', path: appliance.at('documents') }] });
    await appliance.start();
    const { newest } = await committed(1);
    await appliance.stop();
    const disk = appliance.at('board/disk');
    const size = bytes(disk);
    rmSync(appliance.at('state'), { recursive: true });

    const adopt = (...more: string[]) =>
      appliance.cli('init', '--adopt', '--key', appliance.at('recovery.key'), ...more);
    const cut = await adopt('--expect-head', 'ab'.repeat(32));
    expect([cut.code, cut.err]).toEqual([expect.any(Number), expect.stringContaining('[vault.head_mismatch]')]);
    const adopted = await adopt();
    expect(adopted, adopted.err).toMatchObject({ code: 0 });
    expect(adopted.out).toMatch(new RegExp(`\\b${newest} snapshots`));
    expect((await adopt()).err).toContain('[state.exists]');

    await appliance.start();
    // What it was is known before anything new happens.
    expect((await appliance.status())?.sources[0]?.lastSnapshot?.seq ?? 0).toBeGreaterThanOrEqual(newest);
    await committed(newest + 1);
    await appliance.stop();
    expect(bytes(disk) - size).toBeLessThan(200_000);
    const verified = await appliance.cli(
      'verify',
      '--read-data',
      '--store',
      disk,
      '--key',
      appliance.at('recovery.key'),
    );
    expect(verified, verified.out).toMatchObject({ code: 0 });
    const to = appliance.at('restored');
    const restored = await appliance.cli(
      ...['restore', String(newest + 1), '--to', to, '--store', disk, '--key', appliance.at('recovery.key')],
    );
    expect(restored, restored.err).toMatchObject({ code: 0 });
    expect(readdirSync(to).length).toBe(20);
  }, 120_000);
});
