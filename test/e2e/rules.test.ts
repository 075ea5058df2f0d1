import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { Appliance, NO_WINDOW, OFTEN, PORTCULLIS, type Setup } from './appliance.ts';

/** What widens waits for the button, what narrows does not: over the real processes, from the YAML to the relay. */
let appliance: Appliance;
let base: Setup;

afterEach(() => appliance.destroy());

async function made(windows: NonNullable<Setup['windows']>, presence = '60s'): Promise<void> {
  appliance = new Appliance();
  base = {
    sources: [{ name: 'documents', kind: 'directory', path: appliance.folder('documents', 2, 1000) }],
    gate: { presence },
  };
  await appliance.create({ ...base, windows });
}

/** Writes another configuration than the one that `init` accepted. */
function edit(windows: NonNullable<Setup['windows']>, gate: Record<string, unknown> = {}): void {
  appliance.configure({ ...base, gate: { ...base.gate, ...gate }, windows });
}

const view = async () => (await appliance.status())?.gate?.view;
const OFTEN_WAITS = 'The window often (*/10 * * * * * in UTC, for 9s) lies in no accepted one.';

describe('rules', () => {
  it('that widen are in force after `config apply` and a press, and not before; the schedule follows', async () => {
    await made([NO_WINDOW]);
    await appliance.start();
    edit([OFTEN]);
    const applied = appliance.cli('config', 'apply');
    await appliance.until('it is announced', 10, async () =>
      (await view())?.presence.kind === 'pending' ? true : undefined,
    );
    expect((await view())?.presence).toMatchObject({ verb: 'apply', reason: OFTEN_WAITS });
    expect((await view())?.window).toBeUndefined();
    const status = await appliance.cli('status');
    expect(status.out).toContain(OFTEN_WAITS);
    expect(status.out).toContain('portcullis config apply');
    expect(JSON.parse((await appliance.cli('status', '--json')).out).gate.waiting).toEqual([OFTEN_WAITS]);
    await appliance.press(300);
    const { code, out } = await applied;
    expect(code).toBe(0);
    expect(out).toContain(OFTEN_WAITS);
    expect(out).toMatch(/Press the button at the box within \d+ s/);
    expect(out).toContain('in force');
    expect((await view())?.waiting).toBeUndefined();
    await appliance.until(
      'a snapshot is committed in the new window',
      40,
      async () => (await appliance.status())?.sources[0]?.lastSnapshot,
    );
    const record = (await appliance.ledger()).find(({ type }) => type === 'gate.rules_applied');
    expect(record?.data).toMatchObject({ by: 'presence', reasons: [OFTEN_WAITS] });
    // Accepted is accepted: the next start has nothing to ask.
    await appliance.stop();
    await appliance.start();
    expect((await view())?.waiting).toBeUndefined();
    const doctor = await appliance.cli('doctor');
    expect(doctor.out).toMatch(/ok\s+gate file.*accepted/);
  }, 120_000);

  it('that widen in an edited file keep waiting over restarts, and the old ones hold', async () => {
    await made([NO_WINDOW]);
    await appliance.start();
    await appliance.stop();
    edit([OFTEN], { maxConnection: '12h' });
    await appliance.start();
    expect((await view())?.waiting).toEqual([OFTEN_WAITS, 'gate.maxConnection rises from 1h to 12h.']);
    expect(appliance.log).toContain('portcullis config apply');
    expect(appliance.log).toContain('gate.maxConnection rises from 1h to 12h.');
    // A window goes by that the keeper has on its schedule: the gate knows of none.
    await appliance.until('a window is over', 40, async () => (await appliance.status())?.lastWindow);
    const doctor = await appliance.cli('doctor');
    expect(doctor.out).toMatch(/WARN\s+gate file.*waits for a person at the box/);
    await appliance.stop();
    await appliance.start();
    expect((await view())?.waiting).toHaveLength(2);
    expect((await view())?.window).toBeUndefined();
    const types = (await appliance.ledger()).map(({ type }) => type);
    expect(types).not.toContain('gate.connecting');
    expect(types).not.toContain('gate.rules_applied');
    expect(types).toContain('gate.rules_waiting');
  }, 120_000);

  it('that narrow are in force at once, and end the connection they no longer permit', async () => {
    await made([NO_WINDOW]);
    await appliance.start();
    await appliance.connect(60);
    expect(appliance.relay()).toBe('1');
    edit([NO_WINDOW], { maxConnection: '30s' });
    const { code, out } = await appliance.cli('config', 'apply', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ inForce: 'at-once', waits: [] });
    await appliance.until('the relay is off', 2, () => (appliance.relay() === '0' ? true : undefined));
    expect((await view())?.latch.kind).toBe('clear');
  }, 60_000);

  it('are denied when nobody presses or the request is withdrawn, and when the board is another one', async () => {
    await made([NO_WINDOW], '10s');
    await appliance.start();
    edit([OFTEN]);
    const ignored = await appliance.cli('config', 'apply', '--json');
    expect(ignored.code).toBe(3);
    expect(JSON.parse(ignored.out)).toMatchObject({ error: { code: 'gate.rules' } });

    const child = spawn(process.execPath, [PORTCULLIS, 'config', 'apply', '--config', appliance.at('portcullis.yaml')]);
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString('utf8');
    });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    await appliance.until('it is announced', 10, async () =>
      (await view())?.presence.kind === 'pending' ? true : undefined,
    );
    child.kill('SIGINT');
    expect(await ended).toBe(3);
    expect(err).toContain('withdrawn');
    await appliance.until('it is withdrawn', 5, async () =>
      (await view())?.presence.kind === 'none' ? true : undefined,
    );
    expect((await view())?.waiting).toEqual([OFTEN_WAITS]);

    const path = appliance.at('portcullis.yaml');
    const config = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify({ ...config, board: { ...config.board, directory: 'elsewhere' } }));
    const moved = await appliance.cli('config', 'apply');
    expect(moved.code).toBe(3);
    expect(moved.err).toContain('restart the gate');
    expect(moved.err).toContain('gate.rules');
  }, 60_000);

  it('applied while the gate does not run are taken over by its next start, as far as they narrow', async () => {
    await made([NO_WINDOW]);
    edit([NO_WINDOW], { maxConnections: 999 });
    const less = await appliance.cli('config', 'apply');
    expect(less.code).toBe(0);
    expect(less.out).toContain('when it starts');
    expect(less.out).not.toContain('button');
    edit([NO_WINDOW], { maxConnections: 1001 });
    const more = await appliance.cli('config', 'apply', '--json');
    // Nothing has started since: what `init` accepted is what it is compared with.
    expect(JSON.parse(more.out)).toMatchObject({
      inForce: 'next-start',
      waits: ['gate.maxConnections rises from 1000 to 1001.'],
    });
    await appliance.start();
    expect((await view())?.budget.connectionsMax).toBe(1000);
    const accepted = await appliance.accept();
    expect(accepted.code, accepted.err).toBe(0);
    expect((await view())?.budget.connectionsMax).toBe(1001);
  }, 60_000);
});
