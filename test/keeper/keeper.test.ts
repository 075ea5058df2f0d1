import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PortcullisError } from '../../daemon/base/errors.ts';
import { type Delivery, leaseRequest } from '../../daemon/base/protocol.ts';
import { sourceOf, World } from './world.ts';

let world: World;
let rejections: unknown[];
const note = (reason: unknown) => rejections.push(reason);

beforeEach(() => {
  world = new World();
  rejections = [];
  process.on('unhandledRejection', note);
});

afterEach(async () => {
  world.ledger.refuses = () => false;
  world.ledger.hangs = () => false;
  await world.keeper.stop();
  await world.settle();
  process.off('unhandledRejection', note);
  // One of these ends the process, and with it the page, the ledger and every job.
  expect(rejections).toEqual([]);
});

describe('who can read what is sealed', () => {
  it('is in the ledger before anything is sealed to others, and wants attention for a week', async () => {
    world.ledger.now = () => world.clock.wall();
    await world.boot();
    const told: string[] = [];
    world.runner.received = (job, message) => {
      if (job.kind === 'seal')
        told.push(
          `${String(message['recipients'])} of ${String(world.ledger.of('recipients.changed').at(-1)?.['recipients'])}`,
        );
      world.play(job, message);
    };
    const sync = async () => {
      const over = world.keeper.sync('a');
      await world.settle();
      await over;
    };
    await sync();
    await sync();
    // Where it begins is no change.
    const attention = () => world.keeper.status().attention.join();
    expect(attention()).not.toContain('recovery keys');
    world.recipients = ['c', 'b'];
    await sync();
    expect(told).toEqual(['a of a', 'a of a', 'b,c of b,c']);
    expect(world.ledger.of('recipients.changed')).toMatchObject([
      { recipients: ['a'], before: [] },
      { recipients: ['b', 'c'], before: ['a'] },
    ]);
    expect(attention()).toContain('The recovery keys were changed');
    expect(attention()).toContain('there are 2 now');
    await world.boot();
    expect(attention()).toContain('The recovery keys were changed');
    world.ledger.now = () => world.clock.wall() - 8 * 86_400_000;
    world.recipients = ['d'];
    await sync();
    expect(attention()).not.toContain('recovery keys');
  });

  it('is not sealed to where the ledger cannot say so', async () => {
    await world.boot();
    world.ledger.refuses = (type) => type === 'recipients.changed';
    const over = world.keeper.sync('a');
    await expect(over).rejects.toThrow();
    expect(world.runner.of('seal')).toHaveLength(0);
  });
});

describe('a vault that has to be mounted', () => {
  it('is mounted before the first byte and unmounted before the link goes', async () => {
    world.window(5000, 60_000);
    await world.boot();
    // What a keeper before has left.
    expect(world.mount.asked).toEqual(['down']);
    const shipping: boolean[] = [];
    world.runner.received = (job, message) => {
      if (job.kind === 'ship') shipping.push(world.mount.mounted);
      world.play(job, message);
    };
    await world.until(() => world.link.released.length === 1);
    expect(new Set(shipping)).toEqual(new Set([true]));
    expect(world.mount.asked).toEqual(['down', 'up', 'down']);
    expect(world.mount.mounted).toBe(false);
  });

  it('is unmounted when a trip takes it away', async () => {
    world.window(5000, 60_000);
    await world.boot();
    world.runner.received = (job, message) => {
      if (job.kind === 'ship') world.link.cut('Trip: an agent destroys.');
      else world.play(job, message);
    };
    await world.until(() => world.mount.asked.length === 3);
    expect(world.mount.mounted).toBe(false);
    expect(world.ledger.of('ship.failed')[0]).toMatchObject({ cut: true });
  });

  it('that cannot be mounted costs the window and nothing else', async () => {
    world.window(5000, 60_000);
    world.mount.failure = new PortcullisError('store.mount', 'systemctl start srv-vault.mount failed: no such device.');
    await world.boot();
    await world.until(() => world.link.released.length > 0);
    expect(world.runner.of('ship')).toHaveLength(0);
    expect(world.ledger.of('ship.failed')[0]).toMatchObject({
      what: 'systemctl start srv-vault.mount failed: no such device.',
      cut: false,
    });
    expect(world.keeper.status().sources.map(({ state }) => state)).toEqual(['staged', 'staged']);
  });
});

describe('the cycle', () => {
  it('seals ahead, connects for the window, ships, lets go, and tells the whole story', async () => {
    const window = world.window(5000, 60_000);
    await world.boot();
    await world.pass(1000);
    expect(world.runner.of('seal')).toHaveLength(2);
    expect(world.link.asked).toEqual([]);
    expect(world.keeper.status().sources.map(({ state }) => state)).toEqual(['staged', 'staged']);
    await world.until(() => world.link.released.length === 1);
    await world.pass(1000);
    expect(world.link.asked).toHaveLength(1);
    expect(world.link.asked[0]).toMatchObject({ purpose: 'window w1' });
    expect(world.link.asked[0]?.seconds).toBeLessThanOrEqual(60);
    expect(world.keeper.status().sources.map(({ lastSnapshot }) => lastSnapshot?.snapshot)).toEqual(['a1', 'b2']);
    // Over as soon as nothing is left to do, with the gate's own account of the connection.
    expect(world.clock.wall()).toBeLessThan(window.startWall + 10_000);
    expect(world.keeper.status().lastWindow).toMatchObject({
      name: 'w1',
      outcome: 'complete',
      bytes: 20,
      connectedSeconds: 1,
    });
    await world.pass(90_000);
    expect(world.link.asked).toHaveLength(1);
    expect(world.ledger.of('window.opened')).toHaveLength(1);
    expect(world.ledger.of('window.finished')).toHaveLength(1);
    expect(world.keeper.status().figures.connectedSeconds).toBe(1);
    const types = world.ledger.entries.map(({ type }) => type);
    expect(types.indexOf('snapshot.signed')).toBeLessThan(types.indexOf('snapshot.committed'));
  });

  it('waits for the gate own account of the connection before it tells how long it was', async () => {
    world.window(5000, 60_000);
    world.ledger.hangs = (type) => type === 'gate.isolating';
    await world.boot();
    await world.until(() => world.link.released.length === 1);
    await world.pass(5000);
    expect(world.keeper.status().lastWindow).toBeUndefined();
  });

  it('keeps the others going when one source cannot be sealed, and says so', async () => {
    world.window(5000, 60_000);
    await world.boot();
    world.runner.received = (job, message) => {
      if (job.kind === 'seal' && sourceOf(job) === 'a')
        job.say({ type: 'failed', code: 'source.failed', what: 'Gone.' });
      else world.play(job, message);
    };
    await world.until(() => world.link.released.length === 1);
    await world.pass(1000);
    const { sources, lastWindow, attention } = world.keeper.status();
    expect(sources[0]?.lastFailure?.what).toBe('Gone.');
    expect(sources[1]?.lastSnapshot?.snapshot).toBe('b1');
    expect(lastWindow).toMatchObject({ outcome: 'partial', why: '1 source could not be sealed.' });
    expect(attention).toEqual(['a: Gone.']);
    await world.pass(60_000);
    expect(world.runner.of('seal')).toHaveLength(2);
  });

  it('does not let a source that hangs keep the others out: half of the window is enough patience', async () => {
    const window = world.window(5000, 60_000);
    await world.boot();
    world.runner.received = (job, message) => {
      if (job.kind === 'ship' || sourceOf(job) === 'a') world.play(job, message);
    };
    await world.until(() => world.link.asked.length === 1);
    expect(world.clock.wall()).toBeGreaterThanOrEqual(window.startWall + 30_000);
    expect(world.clock.wall()).toBeLessThan(window.startWall + 32_000);
    await world.until(() => world.link.released.length === 1);
    expect(world.staged).toEqual([]);
    expect(world.keeper.status().sources[1]?.state).toBe('sealing');
  });

  it('tells what a source is doing before there is anything to seal, and how much is sealed from then on', async () => {
    world.window(5000, 60_000);
    await world.boot();
    world.runner.received = (job) => {
      if (job.kind === 'seal') job.say({ type: 'pulling', what: 'issues of acme/app: 200', done: 3, total: 12 });
    };
    const progress = () => world.keeper.status().sources[0]?.progress;
    await world.until(() => progress()?.what !== undefined);
    expect(progress()).toEqual({ what: 'issues of acme/app: 200 (3 of 12)', files: 0, bytes: 0 });
    world.runner.of('seal')[0]?.say({ type: 'progress', files: 7, bytes: 70, newBytes: 7 });
    await world.until(() => progress()?.files === 7);
    expect(progress()).toEqual({ files: 7, bytes: 70 });
  });

  it('resumes in the same window after a cut, and counts both connections', async () => {
    world.window(5000, 60_000);
    await world.boot();
    let cut = false;
    world.runner.received = (job, message) => {
      if (job.kind === 'ship' && !cut) {
        cut = true;
        world.link.cut('The contact broke.');
      } else world.play(job, message);
    };
    await world.until(() => world.link.asked.length === 1);
    expect(world.staged).toHaveLength(2);
    expect(world.runner.of('ship')[0]?.killed).toBe(true);
    await world.until(() => world.link.released.length === 1);
    await world.pass(1000);
    expect(world.ledger.of('ship.failed')[0]).toMatchObject({ cut: true, what: 'The contact broke.' });
    expect(world.keeper.status().lastWindow).toMatchObject({ outcome: 'complete', connectedSeconds: 3, bytes: 20 });
  });

  it('tells of a window that was cut and never resumed', async () => {
    world.window(5000, 10_000);
    await world.boot();
    world.runner.received = (job, message) => {
      if (job.kind === 'seal') world.play(job, message);
      else {
        world.link.cut('Trip: an agent destroys.');
        world.link.show({ interlocks: [{ name: 'latch', ok: false, reason: 'Lockout', remedy: '' }] });
      }
    };
    await world.pass(20_000);
    expect(world.link.asked).toHaveLength(1);
    expect(world.keeper.status().lastWindow).toMatchObject({ outcome: 'cut', why: 'Trip: an agent destroys.' });
    expect(world.staged).toHaveLength(2);
  });

  it('does not burn the connection budget on a vault that fails every time, and tries afresh in the next window', async () => {
    world.window(5000, 3_600_000);
    world.window(7_300_000, 3_600_000);
    await world.boot();
    world.runner.received = (job, message) => {
      if (job.kind === 'seal') world.play(job, message);
      else job.say({ type: 'failed', code: 'store.failed', what: 'Input/output error.' });
    };
    await world.pass(3_700_000);
    const first = world.link.asked.length;
    expect(first).toBeGreaterThan(4);
    expect(first).toBeLessThan(12);
    await world.pass(3_620_000);
    expect(world.link.asked.length).toBeGreaterThan(first + 1);
  }, 60_000);

  it('does not ship for ever when ship says that it is done and is not', async () => {
    world.window(5000, 60_000);
    await world.boot();
    world.runner.received = (job, message) => {
      if (job.kind === 'seal') world.play(job, message);
      else job.say({ type: 'done', bytes: 0, verifiedBytes: 0, cachedBytes: 0, orphans: 0 });
    };
    await world.until(() => world.link.asked.length === 1);
    await world.pass(500);
    expect(world.runner.of('ship')).toHaveLength(1);
    expect(world.link.released[0]).toContain('Shipping failed');
  });
});

describe('retention', () => {
  const keep = { rules: { floor: 1 }, graceMs: 1000 };

  it('sweeps after everything is shipped, goes on from its tombstone, and signs it only with its grace', async () => {
    world.keep = keep;
    world.window(5000, 60_000);
    await world.boot();
    let sweptAt = 0;
    world.runner.received = (job, message) => {
      if (message['type'] === 'sweep') {
        expect(world.staged).toEqual([]);
        expect(message).toMatchObject({ ...keep, cleared: [] });
        sweptAt = Number(message['wall']);
        job.say({ type: 'sign', id: 1, body: 'tombstone' });
      } else if (message['type'] === 'signature' && job.kind === 'sweep') {
        job.say({ type: 'committed', seq: 9, head: 'head of tombstone' });
        job.say({ type: 'done', buried: [1], removed: 2, bytes: 3, held: 0, left: 0 });
      } else world.play(job, message);
    };
    await world.until(() => world.link.released.length === 1);
    expect(world.runner.of('sweep')).toHaveLength(1);
    expect(world.signed.map(({ graceEnds }) => graceEnds)).toEqual([undefined, undefined, sweptAt + 1000]);
    expect(world.ledger.of('sweep.done')).toEqual([{ buried: [1], removed: 2, bytes: 3, held: 0, left: 0 }]);
    world.window(60_000, 60_000);
    await world.until(() => world.runner.of('ship').length === 2);
    expect(world.runner.of('ship')[1]?.received[0]?.['heads']).toEqual(['head of tombstone']);
  });

  it('never sweeps by a clock that is not trusted at that moment, after a failure, or without rules', async () => {
    world.keep = keep;
    world.window(5000, 60_000);
    await world.boot();
    world.clockTrusted = async () => false;
    await world.until(() => world.link.released.length === 1);
    expect(world.runner.of('sweep')).toEqual([]);

    world.clockTrusted = async () => true;
    world.runner.received = (job, message) =>
      job.kind === 'ship' ? job.say({ type: 'failed', code: 'store.failed', what: 'Full.' }) : world.play(job, message);
    world.window(120_000, 1000);
    await world.until(() => world.link.released.length === 2);
    expect(world.runner.of('sweep')).toEqual([]);
  });

  it('has expired objects let go before the sweep, and everything protected after it', async () => {
    world.immutable = true;
    world.keep = { rules: { floor: 1 }, graceMs: 1000 };
    await world.boot();
    world.window(0, 60_000);
    await world.until(() => world.link.released.length === 1);
    const asked = world.runner.jobs.filter(({ kind }) => kind === 'sweep' || kind === 'protect');
    expect(asked.map(({ received }) => received[0]?.['type'])).toEqual(['expire', 'sweep', 'protect']);
    // What whoever asks could make wider is not said.
    expect(world.runner.of('protect').map(({ received }) => received)).toEqual([
      [{ type: 'expire' }],
      [{ type: 'protect' }],
    ]);
    expect(world.ledger.of('vault.released')).toEqual([{ objects: 1 }]);
    expect(world.ledger.of('vault.protected')).toEqual([{ added: 1, total: 2, left: 0 }]);
    expect(world.keeper.status().attention).toEqual([]);
  });

  it('tells of what could not be protected, counts the window as complete, and protects it in the next', async () => {
    world.immutable = true;
    await world.boot();
    world.runner.received = (job, message) => (job.kind === 'protect' ? job.die() : world.play(job, message));
    world.window(0, 60_000);
    await world.until(() => world.link.released.length === 1);
    expect(world.ledger.of('vault.protect_failed')).toEqual([
      { verb: 'protect', what: expect.stringContaining('protect job ended'), cut: false },
    ]);
    expect(world.link.released).toEqual(['Everything staged is in the vault and verified.']);
    const attention = expect.stringMatching(/^Not everything in the vault is immutable: The protect job ended/);
    expect(world.keeper.status().attention).toEqual([attention]);
    world.crash();
    await world.boot();
    expect(world.keeper.status().attention).toEqual([attention]);
    world.runner.received = (job, message) => {
      if (job.kind === 'protect') job.say({ type: 'protected', added: 0, total: 5, left: 2 });
      else world.play(job, message);
    };
    world.window(120_000, 60_000);
    await world.until(() => world.ledger.of('vault.protected').length === 1);
    expect(world.keeper.status().attention).toEqual([expect.stringContaining('2 objects')]);
  });

  it('drops the protecting process at a trip, and when it takes too long', async () => {
    world.immutable = true;
    await world.boot();
    world.runner.received = (job, message) => (job.kind === 'protect' ? undefined : world.play(job, message));
    world.window(0, 3_600_000);
    await world.until(() => world.runner.of('protect').length === 1);
    world.link.cut('Tripped.');
    await world.until(() => world.ledger.of('vault.protect_failed').length === 1);
    expect(world.runner.of('protect')[0]?.killed).toBe(true);
    expect(world.ledger.of('vault.protect_failed')).toEqual([{ verb: 'protect', what: 'Tripped.', cut: true }]);
    await world.keeper.sync('a');
    await world.until(() => world.link.released.length === 1);
    expect(world.runner.of('protect')[1]?.killed).toBe(true);
    expect(world.ledger.of('vault.protect_failed')[1]).toMatchObject({
      what: expect.stringContaining('too long'),
      cut: false,
    });
  });

  it('tells of a sweep that failed, and counts the window as complete', async () => {
    world.keep = keep;
    world.window(5000, 60_000);
    await world.boot();
    world.runner.received = (job, message) =>
      job.kind === 'sweep' ? job.say({ type: 'failed', code: 'store.gone', what: 'Away.' }) : world.play(job, message);
    await world.until(() => world.link.released.length === 1);
    await world.pass(1000);
    expect(world.ledger.of('sweep.failed')).toEqual([{ what: 'Away.', cut: false }]);
    expect(world.keeper.status().lastWindow).toMatchObject({ outcome: 'complete' });
  });

  it('calls for a person over a suspicious snapshot, until it is cleared, also after a restart', async () => {
    world.keep = keep;
    world.sources = ['a'];
    world.suspicious = true;
    world.window(5000, 60_000);
    await world.boot();
    await world.until(() => world.link.released.length === 1);
    await world.pass(1000);
    expect(world.keeper.status().attention).toEqual([expect.stringContaining('portcullis clear 1')]);
    await world.boot();
    expect(world.keeper.status().attention).toEqual([expect.stringContaining('portcullis clear 1')]);
    await expect(world.keeper.clear(7)).rejects.toMatchObject({ code: 'vault.snapshot' });
    await world.keeper.clear(1);
    expect(world.keeper.status().attention).toEqual([]);
    await world.boot();
    expect(world.keeper.status().attention).toEqual([]);
    world.window(5000, 60_000);
    await world.until(() => world.runner.of('sweep').length === 1);
    await world.settle();
    expect(world.runner.of('sweep')[0]?.received[0]?.['cleared']).toEqual([expect.stringMatching(/^head of/)]);
  });
});

describe('a person at the box', () => {
  const approved = {
    presence: { kind: 'approved', verb: 'connect', reason: 'restore', until: 1e9, seconds: 60 },
  } as const;

  it('gets the link for as long as was asked, though shipping fails and failures are being waited out', async () => {
    world.staged = [{ batch: 'x', source: 'a', wall: 0, files: 1, bytes: 1, partial: false, suspicious: false }];
    await world.boot();
    world.runner.received = (job) => job.say({ type: 'failed', code: 'store.failed', what: 'Full.' });
    world.link.show(approved);
    await world.settle();
    expect(world.link.asked).toEqual([{ purpose: 'presence: restore', seconds: 60 }]);
    await world.pass(59_000);
    expect(world.link.released).toEqual([]);
    await world.pass(2000);
    expect(world.link.released).toHaveLength(1);
    world.link.show(approved);
    await world.pass(2000);
    expect(world.link.asked).toHaveLength(2);
  });

  it('ends the connection from the gate at any time, and no timer stays behind', async () => {
    await world.boot();
    const timers = world.clock.timers;
    world.link.show(approved);
    await world.settle();
    world.link.cut('Trip: The button was pressed.');
    await world.settle();
    expect(world.clock.timers).toBe(timers);
    expect(world.link.released).toEqual([]);
  });
});

describe('an alert source', () => {
  const delivery = { source: 'siem', outcome: 'heartbeat', detail: '', bytes: 0, digest: '' } as const;
  const heartbeat = { everyMs: 10_000, silence: 'block', afterMs: 0 } as const;

  it('that is silent blocks, in the gate and on the page; heard, it unblocks in the same turn', async () => {
    world.alertSources = [{ name: 'siem', heartbeat }];
    await world.boot();
    await world.pass(19_900);
    world.link.report();
    expect(world.link.reports.at(-1)).toMatchObject({ blocks: [], attention: [] });
    world.link.reports = [];
    await world.pass(200);
    expect(world.link.reports).toMatchObject([
      { blocks: [{ name: 'silent-source', ok: false }], attention: [expect.stringContaining('siem is silent')] },
    ]);
    expect(world.keeper.status().alertSources).toMatchObject([{ name: 'siem', state: 'silent', blocks: true }]);
    world.link.reports = [];
    const recorded = world.keeper.recordDelivery({
      wall: world.clock.wall(),
      at: world.clock.monotonic(),
      ...delivery,
    });
    expect(world.link.reports).toMatchObject([{ blocks: [], attention: [] }]);
    await recorded;
    expect(world.ledger.of('heartbeat.missing')).toMatchObject([{ source: 'siem', silence: 'block' }]);
    expect(world.ledger.of('heartbeat.back')).toMatchObject([{ source: 'siem' }]);
  });

  it('that was silent blocks from the first report after a restart', async () => {
    world.alertSources = [{ name: 'siem', heartbeat }];
    await world.boot();
    await world.pass(21_000);
    world.crash();
    await world.boot();
    world.link.report();
    expect(world.link.reports[0]?.blocks).toMatchObject([{ name: 'silent-source' }]);
  });

  it('that was last heard too long ago blocks from the first report', async () => {
    world.ledger.now = () => world.clock.wall();
    world.alertSources = [{ name: 'siem', heartbeat }];
    await world.boot();
    world.crash();
    world.clock.advance(20_001);
    await world.boot();
    world.link.report();
    expect(world.link.reports[0]?.blocks).toMatchObject([{ name: 'silent-source' }]);
  });

  it('that was heard is known to the next keeper', async () => {
    world.alertSources = [{ name: 'siem' }];
    await world.boot();
    const wall = world.clock.wall();
    await world.keeper.recordDelivery({ wall, ...delivery });
    await world.keeper.stop();
    await world.pass(5000);
    await world.boot();
    expect(world.keeper.status().alertSources).toEqual([
      { name: 'siem', lastHeardWall: wall, state: 'unwatched', blocks: false },
    ]);
  });

  it('beside fifty others never says more than the gate takes', async () => {
    world.alertSources = Array.from({ length: 80 }, (_, index) => ({ name: `s${index}`, heartbeat }));
    await world.boot();
    await world.pass(21_000);
    expect(leaseRequest({ type: 'report', ...world.link.reports.at(-1) })).toMatchObject({ type: 'report' });
  });
});

describe('what intake tells of', () => {
  const delivery = { source: 'siem', detail: '', bytes: 0, digest: 'd', wall: 0 } as const;
  const record = async (outcome: Delivery['outcome'], times: number, more: Partial<Delivery> = {}) => {
    for (let turn = 0; turn < times; turn += 1) await world.keeper.recordDelivery({ ...delivery, outcome, ...more });
  };

  it('is counted whatever is recorded; a flood that matches nothing is bounded and its rest told, trips never are', async () => {
    await world.boot();
    await record('matched-none', 100, { payload: 'p' });
    await record('tripped', 100, { latencyMs: 1, payload: 'p' });
    await record('heartbeat', 100);
    await record('refused', 3);
    expect(world.ledger.of('alert.tripped')).toHaveLength(100);
    expect(world.ledger.of('alert.tripped').filter((data) => data['payload'] === 'p')).toHaveLength(100);
    expect(world.ledger.of('alert.matched-none')).toHaveLength(30);
    expect(world.ledger.of('alert.matched-none').filter((data) => data['payload'] === 'p')).toHaveLength(1);
    expect(world.ledger.of('alert.heartbeat')).toHaveLength(1);
    expect(world.ledger.of('alert.refused')).toHaveLength(3);
    expect(world.keeper.status().figures.alerts).toEqual([
      { source: 'siem', outcome: 'matched-none', count: 100 },
      { source: 'siem', outcome: 'tripped', count: 100 },
      { source: 'siem', outcome: 'heartbeat', count: 100 },
      { source: 'siem', outcome: 'refused', count: 3 },
    ]);
    expect(world.keeper.status().figures.trips.count).toBe(100);
    await world.pass(61_000);
    expect(world.ledger.of('alert.unrecorded')).toEqual([{ source: 'siem', outcome: 'matched-none', count: 70 }]);
    await record('matched-none', 31);
    expect(world.ledger.of('alert.matched-none')).toHaveLength(60);
    await world.keeper.stop();
    expect(world.ledger.of('alert.unrecorded').slice(1)).toEqual([
      { source: 'siem', outcome: 'heartbeat', count: 99 },
      { source: 'siem', outcome: 'matched-none', count: 1 },
    ]);
  });
});

describe('the ledger', () => {
  it('that fails is an interlock told at once, and lifted once it can be written again', async () => {
    await world.boot();
    world.ledger.refuses = () => true;
    world.link.reports = [];
    await world.keeper
      .recordDelivery({ wall: 0, source: 's', outcome: 'tripped', detail: '', bytes: 0, digest: '' })
      .catch(() => {});
    expect(world.link.reports.at(-1)?.blocks).toMatchObject([{ name: 'ledger', ok: false }]);
    await world.pass(30_000);
    world.link.report();
    expect(world.link.reports.at(-1)?.blocks).toHaveLength(1);
    world.ledger.refuses = () => false;
    await world.pass(11_000);
    world.link.report();
    expect(world.link.reports.at(-1)?.blocks).toEqual([]);
    expect(world.ledger.of('ledger.recovered')).toHaveLength(1);
  });

  it.each([
    'window.opened',
    'window.finished',
    'seal.started',
    'seal.done',
    'seal.failed',
    'sealing.finished',
    'ship.done',
    'snapshot.signed',
    'snapshot.committed',
    'gate.isolating',
  ])('that refuses %s ends nothing but what needs it', async (refused) => {
    world.window(5000, 60_000);
    await world.boot();
    let fired = 0;
    world.ledger.refuses = (type) => {
      if (type === refused) fired += 1;
      return type === refused;
    };
    world.runner.received = (job, message) => {
      if (refused === 'seal.failed' && sourceOf(job) === 'a') job.die();
      else world.play(job, message);
    };
    await world.pass(80_000);
    expect(fired).toBeGreaterThan(0);
    if (refused === 'seal.started') expect(world.runner.jobs).toEqual([]);
    // Without its record durable no signature leaves, so nothing is committed.
    if (refused === 'snapshot.signed') {
      const answers = world.runner.of('ship').flatMap((job) => job.received.map(({ type }) => type));
      expect(answers).not.toContain('signature');
    }
  });

  it('that hangs does not keep the vault connected', async () => {
    world.window(5000, 60_000);
    await world.boot();
    world.ledger.hangs = (type) => ['snapshot.committed', 'ship.done', 'ship.failed'].includes(type);
    await world.until(() => world.link.asked.length === 1);
    await world.settle();
    expect(world.link.released).toHaveLength(1);
    await world.pass(11_000);
    world.link.report();
    expect(world.link.reports.at(-1)?.blocks[0]?.reason).toContain('does not answer');
  });
});

describe('what the vault has lost', () => {
  const lost = (n: number) => Array.from({ length: n }, (_, at) => ({ pack: `p${at}`, problem: 'is missing' }));

  it('is told to the ledger once, whoever found it, and wants attention, also after a restart', async () => {
    await world.boot();
    world.lost = lost(2);
    await world.pass(30_000);
    expect(world.ledger.of('vault.lost')).toEqual([
      { total: 2, added: 2, first: ['p0: is missing', 'p1: is missing'] },
    ]);
    expect(world.keeper.status().attention).toEqual([
      expect.stringMatching(/^2 packs in the vault are damaged or gone/),
    ]);
    world.crash();
    await world.boot();
    expect(world.keeper.status().attention).toHaveLength(1);
    world.lost = lost(30);
    await world.pass(30_000);
    const [, second, ...more] = world.ledger.of('vault.lost');
    expect(second).toMatchObject({ total: 30, added: 28 });
    expect(second?.['first']).toHaveLength(20);
    expect(more).toEqual([]);
  });
});

describe('the proofs that only the keeper can take', () => {
  it('are reported, and a change in the same turn; what cannot be told wants attention', async () => {
    await world.boot();
    world.link.reports = [];
    world.proofs.show({ carrier: 'alive', probe: 'unknown' }, ['The probe is refused.']);
    expect(world.link.reports).toMatchObject([
      { proofs: { carrier: 'alive', probe: 'unknown' }, attention: ['The probe is refused.'] },
    ]);
    expect(world.keeper.status().attention).toEqual(['The probe is refused.']);
  });

  it('that have not been tested for long want attention, on the page and from the gate', async () => {
    world.gate.view = { proofTest: { wall: world.clock.wall() - 61 * 86_400_000, passed: true, detail: '' } };
    await world.boot();
    world.link.report();
    expect(world.link.reports.at(-1)?.attention).toEqual([expect.stringMatching(/^The proof test is overdue/)]);
    expect(world.keeper.status().attention).toHaveLength(1);
  });

  it('follow what the gate says of the link, and end with the keeper', async () => {
    await world.boot();
    world.link.show({ link: 'connecting' });
    expect(world.proofs.followed).toEqual(['isolated', 'connecting']);
    expect(world.proofs.running).toBe(true);
    await world.keeper.stop();
    expect(world.proofs.running).toBe(false);
  });
});

describe('a second door', () => {
  const seals = () => world.runner.of('seal').map(sourceOf);

  /** As the gate has it: the uplink is connected while the vault is isolated, and never otherwise. */
  function twoDoors(): void {
    const show = world.link.show.bind(world.link);
    world.link.show = (change) => {
      const link = change.link ?? 'isolated';
      show({ uplink: link === 'isolated' ? 'connected' : 'isolated', ...change });
    };
    world.link.show({});
  }

  it('that is not connected keeps sealing from beginning, in words, and lets it begin when it is', async () => {
    world.window(5000, 60_000);
    world.gate.view = { uplink: 'isolating' };
    await world.boot();
    await world.pass(1000);
    expect(seals()).toEqual([]);
    expect(world.keeper.status().activity).toBe('Waiting for the uplink.');
    world.link.show({ uplink: 'connected' });
    await world.settle();
    expect(seals()).toEqual(['a', 'b']);
  });

  it('taken away while sealing fails no source: what lies beyond it is sealed again after the window', async () => {
    world.sources = ['local', 'a', 'b'];
    const window = world.window(5000, 60_000);
    world.window(7_200_000, 60_000);
    await world.boot();
    twoDoors();
    const play = world.runner.received;
    let hangs = true;
    world.runner.received = (job, message) => {
      if (!(hangs && sourceOf(job) === 'a')) play(job, message);
    };
    await world.until(() => world.link.asked.length === 1);
    // Half of the window was enough patience; the gate broke the uplink first, and with it what hung on it.
    expect(world.clock.wall()).toBeGreaterThanOrEqual(window.startWall + 30_000);
    await world.settle();
    expect(world.runner.of('seal').find((job) => sourceOf(job) === 'a')?.killed).toBe(true);
    await world.until(() => world.link.released.length === 1);
    hangs = false;
    const { sources, attention } = world.keeper.status();
    expect(sources.map(({ lastFailure }) => lastFailure)).toEqual([undefined, undefined, undefined]);
    expect(attention).toEqual([]);
    expect(world.ledger.of('seal.failed')).toEqual([]);
    expect(world.ledger.of('seal.cut_short').map(({ source }) => source)).toContain('a');
    const before = seals().length;
    await world.until(() => world.clock.wall() >= window.endWall + 1000);
    expect(world.keeper.status().sources.map(({ state }) => state)).toEqual(['idle', 'staged', 'staged']);
    expect(seals().slice(before).toSorted()).toEqual(['a', 'b']);
    expect(world.runner.of('ship')).toHaveLength(1);
  });

  it('taken away does not touch what lies on this box', async () => {
    world.sources = ['local'];
    world.window(5000, 60_000);
    await world.boot();
    twoDoors();
    world.runner.received = () => {};
    await world.until(() => seals().length === 1);
    world.link.show({ link: 'isolated', uplink: 'isolated' });
    await world.pass(1000);
    expect(world.runner.of('seal')[0]?.killed).toBe(false);
  });

  it('that is not connected makes a person asking to seal wait, and says why', async () => {
    await world.boot();
    world.link.show({ uplink: 'isolated' });
    await expect(world.keeper.sync('a')).rejects.toThrow('a is not sealed, for the uplink is not connected');
    expect(world.ledger.of('seal.failed')).toEqual([]);
    world.link.show({ uplink: 'connected' });
    await world.pass(1000);
    expect(seals()).toEqual(['a']);
    expect(world.keeper.status().sources[0]?.state).toBe('staged');
  });
});

describe('a restart', () => {
  it('does not seal twice for one window, nor tell its story twice', async () => {
    world.window(5000, 60_000);
    await world.boot();
    await world.until(() => world.keeper.status().lastWindow !== undefined);
    await world.keeper.stop();
    await world.boot();
    await world.pass(10_000);
    expect(world.runner.jobs).toEqual([]);
    expect(world.ledger.of('window.opened')).toHaveLength(1);
    expect(world.ledger.of('window.finished')).toHaveLength(1);
  });

  it.each(['politely', 'in the middle'])('while sealing, %s, seals for that window again', async (how) => {
    world.window(5000, 60_000);
    await world.boot();
    world.runner.received = () => {};
    await world.pass(1000);
    expect(world.runner.of('seal')).toHaveLength(1);
    if (how === 'politely') {
      await world.keeper.stop();
      expect(world.runner.of('seal')[0]?.killed).toBe(true);
      expect(world.ledger.of('seal.failed')).toEqual([]);
    }
    world.crash();
    await world.boot();
    await world.pass(1000);
    expect(world.runner.of('seal')).toHaveLength(2);
  });

  it('ships what was staged, and goes on from what was signed and may have arrived', async () => {
    world.window(5000, 60_000);
    await world.boot();
    world.runner.received = (job, message) => {
      if (message['type'] === 'signature') job.die();
      else world.play(job, message);
    };
    await world.until(() => world.ledger.of('ship.failed').length === 1);
    const signed = world.ledger.of('snapshot.signed').map(({ head }) => head);
    expect(signed).toHaveLength(2);
    world.crash();
    await world.boot();
    await world.until(() => (world.runner.of('ship')[0]?.received.length ?? 0) > 0);
    const heads = world.runner.of('ship')[0]?.received[0]?.['heads'] as string[];
    expect(heads.toSorted()).toEqual([...signed.map(String), 'none'].toSorted());
    await world.until(() => world.staged.length === 0);
    expect(world.runner.of('seal')).toEqual([]);
    await world.pass(1000);
    // The seconds before the restart are exposure too.
    expect(world.keeper.status().lastWindow).toMatchObject({ outcome: 'complete', connectedSeconds: 2 });
    expect(world.keeper.status().sources[0]?.lastSnapshot?.snapshot).toBe('a1');
  });

  it('does not write a gate record twice', async () => {
    await world.boot();
    world.link.tell({ type: 'gate.tripped' });
    await world.settle();
    await world.keeper.stop();
    await world.boot();
    world.link.tell({ type: 'gate.tripped', seq: 1 });
    world.link.tell({ type: 'gate.reset' });
    await world.settle();
    expect(world.ledger.of('gate.tripped')).toHaveLength(1);
    expect(world.ledger.of('gate.reset')).toHaveLength(1);
  });
});

describe('stopping', () => {
  it('while connected kills ship, lets go of the link, keeps what is staged, and may be done twice', async () => {
    world.window(5000, 60_000);
    await world.boot();
    world.runner.received = (job, message) => {
      if (job.kind === 'seal') world.play(job, message);
    };
    await world.until(() => world.runner.of('ship').length === 1);
    const stopped = world.keeper.stop();
    expect(world.runner.of('ship')[0]?.killed).toBe(true);
    expect(world.link.stopped).toBe(true);
    await stopped;
    await world.keeper.stop();
    expect(world.staged).toHaveLength(2);
    expect(world.ledger.of('keeper.stopped')).toHaveLength(1);
    const jobs = world.runner.jobs.length;
    world.link.show({});
    await world.pass(5000);
    expect(world.runner.jobs).toHaveLength(jobs);
    expect(world.clock.timers).toBe(0);
  });
});

describe('a clock that nobody can tell about', () => {
  it('is not trusted, and ends nothing', async () => {
    await world.boot();
    world.clockTrusted = () => Promise.reject(new PortcullisError('job.died', 'timedatectl died'));
    await world.pass(11_000);
    world.link.report();
    expect(world.link.reports.at(-1)?.clockTrusted).toBe(false);
  });
});
