import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { makeDirectory, writeDurably } from '../base/durable.ts';
import { errnoOf, reasonOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Secret } from '../base/secret.ts';
import { type Condition, type Conditions, type Notice, noticesOf } from './notice.ts';
import { due, EMPTY_OUTBOX, enqueue, type Outbox, postponed, type Queued, without } from './outbox.ts';
import { deliver, type TargetSettings, wants } from './target.ts';

export interface NotifierOptions {
  readonly appliance: string;
  readonly targets: readonly TargetSettings[];
  /** File of what must outlive a restart. */
  readonly path: string;
  /** What is the case now. */
  readonly conditions: () => Conditions;
  /** Whether only alarms are told at this time. */
  readonly quietAt: (wall: number) => boolean;
  /** Somebody who notices when nothing comes any more. */
  readonly deadman?: { readonly url: Secret; readonly everyMs: number } | undefined;
  /** Whether there is somebody left to be dead-manned: nothing is pinged while the gate does not answer. */
  readonly alive: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
  /** Told what was delivered and what was given up, for the ledger. */
  readonly record: (
    type: 'notice.delivered' | 'notice.given_up',
    data: { target: string; title: string; tries: number },
  ) => void;
}

/** How often it is looked what is the case, and what is due. */
const LOOK_MS = 1000;
/** What comes and goes within this time is not told, alarms apart. */
const SETTLE_MS = 30_000;

/**
 * Tells people what is the case and what is over. What is to be told is on disk before it is sent; each target has its own pace, so
 * that one that hangs keeps nobody else waiting.
 */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #stopping = new AbortController();
  readonly #cancels: (() => void)[] = [];
  readonly #busy = new Map<string, Promise<void>>();
  /** Since when a condition has been the case, by key. */
  readonly #since = new Map<string, number>();
  #outbox: Outbox = EMPTY_OUTBOX;
  #saving: Promise<void> = Promise.resolve();

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { path, clock, deadman } = this.#options;
    await makeDirectory(dirname(path));
    this.#outbox = await recall(path, this.#options.log);
    this.#cancels.push(clock.every(LOOK_MS, () => this.look()));
    if (deadman !== undefined) this.#cancels.push(clock.every(deadman.everyMs, () => void this.#ping(deadman.url)));
  }

  async stop(): Promise<void> {
    for (const cancel of this.#cancels.splice(0)) cancel();
    this.#stopping.abort(new Error('the keeper stops'));
    await Promise.all(this.#busy.values());
    await this.#saving;
  }

  /** What waits, for people. */
  get waiting(): readonly Queued[] {
    return this.#outbox.queue;
  }

  /** Looks what is the case, and sends what is due. */
  look(): void {
    const { targets, clock, log, record } = this.#options;
    const wall = clock.wall();
    const told = this.#settled(this.#options.conditions(), wall);
    const notices = noticesOf(this.#outbox.conditions, told, wall, randomUUID);
    if (notices.length > 0) {
      const wanting = targets.map((target) => ({
        name: target.name,
        wants: (notice: Notice) => wants(target, notice),
      }));
      const { outbox, dropped } = enqueue(this.#outbox, told, notices, wanting);
      for (const { target, notice, tries } of dropped)
        record('notice.given_up', { target, title: notice.title, tries });
      this.#save(outbox);
    }
    for (const target of targets) {
      if (this.#busy.has(target.name)) continue;
      const item = due(this.#outbox, target.name, wall, this.#options.quietAt(wall));
      if (item === undefined) continue;
      const sending = this.#send(target, item)
        .catch((error: unknown) => log.error('a notice is lost', { target: target.name, error }))
        .finally(() => this.#busy.delete(target.name));
      this.#busy.set(target.name, sending);
    }
  }

  /** Conditions that have lasted, alarms at once; and those that have been told stay until they have been over as long. */
  #settled(now: Conditions, wall: number): Conditions {
    const settled: Record<string, Condition> = {};
    const told = this.#outbox.conditions;
    // What has gone again before it was told.
    for (const key of this.#since.keys())
      if (now[key] === undefined && told[key] === undefined) this.#since.delete(key);
    for (const key of new Set([...Object.keys(now), ...Object.keys(told)])) {
      const is = now[key] !== undefined;
      const was = told[key] !== undefined;
      if (is === was) {
        this.#since.delete(key);
        const condition = now[key] ?? told[key];
        if (is && condition !== undefined) settled[key] = condition;
        continue;
      }
      const since = this.#since.get(key) ?? wall;
      this.#since.set(key, since);
      const lasted =
        Math.abs(wall - since) >= SETTLE_MS ||
        now[key]?.severity === 'alarm' ||
        (was && told[key]?.severity === 'alarm');
      const condition = lasted ? now[key] : told[key];
      if (lasted) this.#since.delete(key);
      if (condition !== undefined) settled[key] = condition;
    }
    return settled;
  }

  async #send(target: TargetSettings, item: Queued): Promise<void> {
    const { appliance, clock, log, record } = this.#options;
    const { notice, tries } = item;
    try {
      await deliver(target, appliance, notice, clock, this.#stopping.signal);
      this.#save(without(this.#outbox, item));
      record('notice.delivered', { target: target.name, title: notice.title, tries: tries + 1 });
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      log.warn('a notice was not delivered', { target: target.name, title: notice.title, error: reasonOf(error) });
      const later = postponed(this.#outbox, item, clock.wall());
      if (later === undefined)
        record('notice.given_up', { target: target.name, title: notice.title, tries: tries + 1 });
      this.#save(later ?? without(this.#outbox, item));
    }
    await this.#saving;
  }

  #save(outbox: Outbox): void {
    this.#outbox = outbox;
    const { path, log } = this.#options;
    this.#saving = this.#saving
      .then(() => writeDurably(path, JSON.stringify(outbox)))
      .catch((error: unknown) => log.error('what is to be told is in memory only', { error }));
  }

  async #ping(url: Secret): Promise<void> {
    const { alive, log } = this.#options;
    if (!alive()) return;
    try {
      const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(10_000)]);
      const response = await fetch(url.reveal().toString('utf8').trim(), { method: 'POST', redirect: 'error', signal });
      await response.body?.cancel();
      if (!response.ok) log.warn('the dead-man ping was refused', { status: response.status });
    } catch (error) {
      if (!this.#stopping.signal.aborted)
        log.warn('the dead-man ping was not heard', { error: errnoOf((error as Error).cause) ?? 'no answer' });
    }
  }
}

async function recall(path: string, log: Log): Promise<Outbox> {
  try {
    const { conditions, queue } = JSON.parse(await readFile(path, 'utf8')) as Outbox;
    return { conditions, queue };
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') log.warn('what was to be told cannot be read; it begins anew', { error });
    return EMPTY_OUTBOX;
  }
}
