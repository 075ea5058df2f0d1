import type { Json } from '../base/canonical.ts';
import { type Clock, isoTime } from '../base/clock.ts';
import { durationText } from '../base/duration.ts';
import type { Delivery, Interlock } from '../base/protocol.ts';
import type { Heartbeat } from '../config/heartbeat.ts';
import type { Book } from './book.ts';
import { hear, type Life, lifeOf, look, patience, type Watch } from './heartbeats.ts';
import type { AlertSourceStatus } from './ports.ts';

/** When each source was last heard is in the ledger at least so often while any is: one entry for all of them. */
const KNOWN_MS = 5 * 60_000;
/** While one is silent and time makes a difference, how long it has been is told so often: a restart loses no more. */
const SILENT_MS = 3_600_000;
/** A reason is 500 characters at most: so many names stand in one. */
const NAMED = 5;

export interface AlertSourceSetup {
  readonly name: string;
  readonly heartbeat?: Heartbeat;
  /** True where it was decided that its silence means nothing. */
  readonly mayBeSilent?: boolean;
}

/** Entries of the ledger. */
export type Tell = (type: string, data: { readonly [key: string]: Json }) => void;

/** Outcomes that show that the source is there. What was refused may be anybody's. */
const ALIVE: readonly Delivery['outcome'][] = ['tripped', 'matched-none', 'failed', 'heartbeat'];

/** Who may send alerts, and what is known of whether each is heard. It decides nothing by itself: somebody must look. */
export class AlertSources {
  readonly #setup: readonly AlertSourceSetup[];
  readonly #clock: Clock;
  readonly #tell: Tell;
  readonly #watches = new Map<string, Watch>();
  /** What the ledger has been told of each: kind of life. */
  readonly #told = new Map<string, Life['kind']>();
  readonly #lastHeard = new Map<string, number>();
  #startedAt = 0;
  /** Something was heard since the ledger was told of it. */
  #news = false;
  #toldAt = 0;

  constructor(setup: readonly AlertSourceSetup[], clock: Clock, tell: Tell) {
    this.#setup = setup;
    this.#clock = clock;
    this.#tell = tell;
  }

  /** Begins to listen, with what the ledger knows. */
  start({ heard, expected, silent }: Pick<Book, 'heard' | 'expected' | 'silent'>, clockTrusted: boolean): void {
    this.#startedAt = this.#toldAt = this.#clock.monotonic();
    for (const { name, heartbeat } of this.#setup) {
      const heardWall = heard.get(name);
      if (heardWall !== undefined) this.#lastHeard.set(name, heardWall);
      if (heartbeat === undefined) continue;
      const beforeWall = heardWall ?? expected.get(name);
      const beforeMs = silent.get(name);
      // From then on a restart gives no new time to be heard for the first time.
      if (beforeWall === undefined) this.#tell('heartbeat.expected', { source: name });
      const watch: Watch = {
        heartbeat,
        ...(beforeWall === undefined ? {} : { beforeWall }),
        ...(beforeMs === undefined ? {} : { silent: { from: this.#startedAt, beforeMs } }),
      };
      this.#watches.set(name, watch);
      this.#told.set(name, lifeOf(watch, this.#startedAt).kind);
    }
    this.look(clockTrusted);
  }

  /** What intake says arrived. Returns whether the state of its source changed by it. */
  received({ source, outcome, replay, at, wall }: Delivery, clockTrusted: boolean): boolean {
    if (!ALIVE.includes(outcome) || replay === true || !this.#setup.some(({ name }) => name === source)) return false;
    const now = this.#clock.monotonic();
    this.#lastHeard.set(source, Math.max(wall, this.#lastHeard.get(source) ?? wall));
    this.#news = true;
    const watch = this.#watches.get(source);
    if (watch === undefined) return false;
    this.#watches.set(source, hear(watch, Math.min(at ?? now, now)));
    return this.look(clockTrusted);
  }

  /** Looks at the time, and tells the ledger what has changed. Returns whether anything has. */
  look(clockTrusted: boolean): boolean {
    const at = this.#clock.monotonic();
    const now = { startedAt: this.#startedAt, at, wall: this.#clock.wall(), clockTrusted };
    let changed = false;
    for (const [name, before] of this.#watches) {
      const watch = look(before, now);
      this.#watches.set(name, watch);
      const life = lifeOf(watch, at);
      if (life.kind === this.#told.get(name)) continue;
      this.#told.set(name, life.kind);
      this.#tellChange(name, watch.heartbeat, life);
      changed = true;
    }
    const due = this.#news ? KNOWN_MS : this.#counts(at) ? SILENT_MS : Number.POSITIVE_INFINITY;
    if (at - this.#toldAt >= due) this.#tellKnown(at);
    return changed;
  }

  /** What is known so far is in the ledger for the next process. */
  stop(): void {
    const at = this.#clock.monotonic();
    if (this.#news || this.#counts(at)) this.#tellKnown(at);
  }

  blocks(): Interlock[] {
    const names = this.status().flatMap(({ name, blocks }) => (blocks ? [name] : []));
    const [first] = names;
    if (first === undefined) return [];
    return [
      {
        name: 'silent-source',
        ok: false,
        reason:
          `An alert might not arrive. Silent: ${some(names.map((name) => `${name}, ${this.#since(name)}`))}.`.slice(
            0,
            500,
          ),
        remedy: `Look at the sender and the way from it; any alert of it, or \`POST /heartbeat/${first}\`, ends this.`,
      },
    ];
  }

  attention(): string[] {
    const unwatched = this.#setup.flatMap(({ name, heartbeat, mayBeSilent }) =>
      heartbeat === undefined && mayBeSilent !== true ? [name] : [],
    );
    return [
      ...this.#setup.flatMap(({ name }) => this.#silenceOf(name)),
      ...(unwatched.length === 0
        ? []
        : [`Nobody would notice the silence of ${some(unwatched)}: no \`heartbeat\` is configured.`]),
    ];
  }

  status(): AlertSourceStatus[] {
    const at = this.#clock.monotonic();
    return this.#setup.map(({ name, heartbeat }) => {
      const watch = this.#watches.get(name);
      const life = watch && lifeOf(watch, at);
      const lastHeardWall = this.#lastHeard.get(name);
      return {
        name,
        ...(heartbeat === undefined ? {} : { heartbeat }),
        ...(lastHeardWall === undefined ? {} : { lastHeardWall }),
        state: life?.kind ?? 'unwatched',
        blocks: life?.kind === 'silent' && life.blocks,
      };
    });
  }

  #silenceOf(name: string): string[] {
    const watch = this.#watches.get(name);
    if (watch?.silent === undefined) return [];
    const { everyMs, silence, afterMs } = watch.heartbeat;
    const what = `${name} is silent, ${this.#since(name)}, and should be heard every ${durationText(everyMs)}`;
    switch (lifeOf(watch, this.#clock.monotonic()).kind) {
      case 'degraded':
        return [
          `NOT WATCHED ANY MORE: ${what}. That has lasted for ${durationText(afterMs)}, so the vault is connected all the same, and an alert might not arrive.`,
        ];
      default:
        if (silence === 'warn') return [`${what}. The vault is connected all the same.`];
        return [
          `${what}. Nothing connects until it is${silence === 'block' ? '' : `, or until that has lasted for ${durationText(afterMs)}`}.`,
        ];
    }
  }

  #since(name: string): string {
    const heard = this.#lastHeard.get(name);
    return heard === undefined ? 'never heard' : `last heard ${isoTime(heard)}`;
  }

  /** A source is silent and how long makes a difference. */
  #counts(at: number): boolean {
    return [...this.#watches.values()].some(
      (watch) => watch.heartbeat.silence === 'degrade' && lifeOf(watch, at).kind === 'silent',
    );
  }

  #tellChange(source: string, heartbeat: Heartbeat, life: Life): void {
    const heard = this.#lastHeard.get(source);
    const lastHeard = heard === undefined ? {} : { lastHeard: isoTime(heard) };
    switch (life.kind) {
      case 'alive':
        this.#tell('heartbeat.back', { source });
        return;
      case 'silent': {
        const what = `Nothing has come for ${durationText(patience(heartbeat))}.`;
        this.#tell('heartbeat.missing', {
          source,
          what,
          silence: heartbeat.silence,
          silentMs: Math.round(life.silentMs),
          ...lastHeard,
        });
        return;
      }
      case 'degraded': {
        const what = 'It has been silent for so long that nothing waits for it any more.';
        this.#tell('heartbeat.degraded', { source, what, silentMs: Math.round(life.silentMs), ...lastHeard });
        return;
      }
      default:
        life satisfies never;
    }
  }

  #tellKnown(at: number): void {
    this.#news = false;
    this.#toldAt = at;
    const silent = [...this.#watches].flatMap(([name, watch]): [string, number][] => {
      const life = lifeOf(watch, at);
      return life.kind === 'alive' ? [] : [[name, Math.round(life.silentMs)]];
    });
    this.#tell('heartbeat.known', { heard: Object.fromEntries(this.#lastHeard), silent: Object.fromEntries(silent) });
  }
}

/** Some of the names, and how many more there are. */
function some(names: readonly string[]): string {
  const more = names.length - NAMED;
  return `${names.slice(0, NAMED).join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}
