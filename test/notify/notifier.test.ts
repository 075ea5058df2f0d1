import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Clock } from '../../daemon/base/clock.ts';
import { systemClock } from '../../daemon/base/clock.ts';
import { silentLog } from '../../daemon/base/log.ts';
import { Secret } from '../../daemon/base/secret.ts';
import type { Conditions, Severity } from '../../daemon/notify/notice.ts';
import { Notifier } from '../../daemon/notify/notifier.ts';
import { httpReceiver } from './receivers.ts';

const alarm = { severity: 'alarm', title: 'Lockout', text: 'a' } as const;
const warning = { severity: 'warning', title: 'Late', text: 'w' } as const;

/** A clock of which only the time is another: what waits is asked by hand. */
class HandClock implements Clock {
  now = Date.parse('2026-11-28T00:00:00Z');
  readonly ticks: { ms: number; run: () => void }[] = [];
  wall = () => this.now;
  monotonic = () => this.now;
  after = systemClock.after.bind(systemClock);
  every(ms: number, run: () => void): () => void {
    const tick = { ms, run };
    this.ticks.push(tick);
    return () => void this.ticks.splice(this.ticks.indexOf(tick), 1);
  }
}

let home: string;
let clock: HandClock;
let conditions: Conditions;
let quiet: boolean;
let alive: boolean;
let recorded: { type: string; target: string; title: string; tries: number }[];
const running: { stop(): Promise<void> }[] = [];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'pc-notify-'));
  clock = new HandClock();
  conditions = {};
  quiet = false;
  alive = true;
  recorded = [];
});
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
  await rm(home, { recursive: true, force: true });
});

async function receiver(answer?: () => number | undefined) {
  const made = await httpReceiver(answer);
  running.push(made);
  return made;
}

async function started(
  targets: readonly { name: string; url: string; least?: Severity }[],
  deadman?: string,
): Promise<Notifier> {
  const notifier = new Notifier({
    appliance: 'box',
    targets: targets.map(({ name, url, least = 'info' }) => ({
      name,
      kind: 'webhook',
      least,
      url: Secret.fromText(url),
    })),
    path: join(home, 'notify', 'outbox.json'),
    conditions: () => conditions,
    quietAt: () => quiet,
    deadman: deadman === undefined ? undefined : { url: Secret.fromText(deadman), everyMs: 60_000 },
    alive: () => alive,
    clock,
    log: silentLog,
    record: (type, data) => recorded.push({ type, ...data }),
  });
  await notifier.start();
  running.push(notifier);
  return notifier;
}

const titles = (heard: readonly { body: string }[]) =>
  heard.map(({ body }) => (JSON.parse(body) as { title: string }).title);

describe('the notifier', () => {
  it('tells an alarm at once, and a warning when it has lasted', async () => {
    const ops = await receiver();
    const notifier = await started([{ name: 'ops', url: ops.url }]);
    conditions = { a: alarm, w: warning };
    await looking(notifier, () => ops.heard.length >= 1);
    expect(titles(ops.heard)).toEqual(['Lockout']);
    await settled(notifier, 0);
    clock.now += 29_000;
    notifier.look();
    expect(notifier.waiting).toEqual([]);
    clock.now += 1000;
    await looking(notifier, () => ops.heard.length >= 2);
    expect(titles(ops.heard)).toEqual(['Lockout', 'Late']);
  });

  it('does not tell what comes and goes', async () => {
    const ops = await receiver();
    const notifier = await started([{ name: 'ops', url: ops.url }]);
    for (let round = 0; round < 5; round += 1) {
      conditions = { w: warning };
      notifier.look();
      clock.now += 20_000;
      conditions = {};
      notifier.look();
      clock.now += 20_000;
    }
    expect(notifier.waiting).toEqual([]);
    expect(ops.heard).toEqual([]);
  });

  it('in quiet hours keeps what is no alarm for later', async () => {
    const ops = await receiver();
    const notifier = await started([{ name: 'ops', url: ops.url }]);
    quiet = true;
    conditions = { w: warning };
    notifier.look();
    clock.now += 30_000;
    notifier.look();
    expect(notifier.waiting).toHaveLength(1);
    conditions = { w: warning, a: alarm };
    await looking(notifier, () => ops.heard.length >= 1);
    expect(titles(ops.heard)).toEqual(['Lockout']);
    quiet = false;
    clock.now += 1000;
    await settled(notifier, 1);
    await looking(notifier, () => ops.heard.length >= 2);
    expect(titles(ops.heard)).toEqual(['Lockout', 'Late']);
  });

  it('tries again what was not taken, and one that hangs keeps nobody waiting', async () => {
    let status = 503;
    const deaf = await receiver(() => undefined);
    const ops = await receiver(() => status);
    const notifier = await started([
      { name: 'deaf', url: deaf.url },
      { name: 'ops', url: ops.url },
    ]);
    conditions = { a: alarm };
    await looking(notifier, () => ops.heard.length >= 1);
    await looking(notifier, () => deaf.heard.length >= 1);
    status = 200;
    await settled(notifier, 2, ({ tries, target }) => target === 'deaf' || tries === 1);
    clock.now += 5000;
    await looking(notifier, () => ops.heard.length >= 2);
    await settled(notifier, 1);
    expect(recorded).toEqual([{ type: 'notice.delivered', target: 'ops', title: 'Lockout', tries: 2 }]);
  });

  it('tells after a restart what was not told before it, and not what was', async () => {
    const first = await receiver(() => 503);
    const before = await started([{ name: 'ops', url: first.url }]);
    conditions = { a: alarm };
    await looking(before, () => first.heard.length >= 1);
    await settled(before, 1, ({ tries }) => tries === 1);
    await before.stop();
    const ops = await receiver();
    clock.now += 60_000;
    const after = await started([{ name: 'ops', url: ops.url }]);
    await looking(after, () => ops.heard.length >= 1);
    await settled(after, 0);
    after.look();
    expect(titles(ops.heard)).toEqual(['Lockout']);
    // What happened while nobody looked is told too: it is over.
    conditions = {};
    await looking(after, () => ops.heard.length >= 2);
    expect(titles(ops.heard)).toEqual(['Lockout', 'Over: Lockout']);
  });

  it('begins anew with an outbox that cannot be read', async () => {
    const ops = await receiver();
    const first = await started([{ name: 'ops', url: ops.url }]);
    await first.stop();
    await writeFile(join(home, 'notify', 'outbox.json'), '{"conditions"');
    const notifier = await started([{ name: 'ops', url: ops.url }]);
    conditions = { a: alarm };
    await looking(notifier, () => ops.heard.length >= 1);
    await settled(notifier, 0);
    await notifier.stop();
    expect(JSON.parse(await readFile(join(home, 'notify', 'outbox.json'), 'utf8')).conditions).toEqual(conditions);
  });

  it('tells each receiver what it asked for', async () => {
    const ops = await receiver();
    const boss = await receiver();
    const notifier = await started([
      { name: 'ops', url: ops.url, least: 'warning' },
      { name: 'boss', url: boss.url, least: 'alarm' },
    ]);
    conditions = { a: alarm, w: warning };
    notifier.look();
    clock.now += 30_000;
    await looking(notifier, () => boss.heard.length >= 1 && ops.heard.length >= 2);
    expect(titles(boss.heard)).toEqual(['Lockout']);
    expect(new Set(titles(ops.heard))).toEqual(new Set(['Lockout', 'Late']));
  });

  it('calls whoever waits for it, and not while the gate does not answer', async () => {
    const watch = await receiver();
    await started([], watch.url);
    const ping = clock.ticks.find(({ ms }) => ms === 60_000);
    const asked = vi.spyOn(globalThis, 'fetch');
    alive = false;
    ping?.run();
    expect(asked).not.toHaveBeenCalled();
    asked.mockRestore();
    alive = true;
    ping?.run();
    await watch.until(1);
    expect(watch.heard).toHaveLength(1);
  });
});

/** Lets it look, at the same time again and again, until something has come of it. */
async function looking(notifier: Notifier, until: () => boolean): Promise<void> {
  while (!until()) {
    notifier.look();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Resolves once so many wait that fit. */
async function settled(
  notifier: Notifier,
  count: number,
  fits: (one: Notifier['waiting'][number]) => boolean = () => true,
): Promise<void> {
  while (notifier.waiting.length !== count || !notifier.waiting.every(fits))
    await new Promise((resolve) => setImmediate(resolve));
}
