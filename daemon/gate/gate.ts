import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { reasonOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { GateRecord, GateView } from '../base/protocol.ts';
import { type Window, windowAt } from '../schedule/window.ts';
import type { Board } from './board.ts';
import { type Budget, saveBudget } from './budget.ts';
import type { Limits } from './config.ts';
import type { GateFiles, Memory } from './files.ts';
import { initialState } from './initial.ts';
import type { Answer, Calendar, Effect, Event, Ref, State } from './state.ts';
import { isBeingCleared, transition } from './transition.ts';
import { viewOf } from './view.ts';

const TICK_MS = 50;
const CALENDAR_MS = 1000;
/** A view is published at least this often, so that whoever shows it can tell fresh from stale. */
const VIEW_MS = 500;
/** A clock this much behind what was seen before is not the clock. */
const CLOCK_SLACK_MS = 2000;

/** An event without its time, which the gate stamps on arrival. */
export type Happening = Event extends infer E ? (E extends Event ? Omit<E, 'now' | 'wall'> : never) : never;

export interface GateListener {
  view(view: GateView): void;
  record(record: GateRecord): void;
}

/**
 * Runs the transition function over a real board, real files and a real clock. Everything that happens goes through
 * `dispatch`, which carries out the relay effects before it returns.
 */
export class Gate {
  readonly boot = randomBytes(8).toString('hex');
  readonly #board: Board;
  readonly #files: GateFiles;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #limits: Limits;
  readonly #windows: readonly Window[];
  readonly #alive: () => void;
  readonly #answers = new Map<Ref, (answer: Answer) => void>();
  readonly #listeners = new Set<GateListener>();
  readonly #stops: (() => void)[] = [];
  /** What an effect set off while it was carried out: it comes next, in the same turn. */
  readonly #next: Happening[] = [];
  #busy = false;
  #stopped = false;
  #state: State | undefined;
  #seq = 0;
  #refs = 0;
  #shown = '';
  #published = '';
  #publishedAt = 0;
  /** Newest trusted wall time that is on disk or on its way there. */
  #wallFloor = 0;
  #writes: Promise<void> = Promise.resolve();

  constructor(ports: {
    board: Board;
    files: GateFiles;
    clock: Clock;
    log: Log;
    limits: Limits;
    windows: readonly Window[];
    /** Called at the end of each turn of the loop, and by nothing else: what a watchdog may be fed from. */
    alive?: () => void;
  }) {
    this.#board = ports.board;
    this.#files = ports.files;
    this.#clock = ports.clock;
    this.#log = ports.log;
    this.#limits = ports.limits;
    this.#windows = ports.windows;
    this.#alive = ports.alive ?? (() => {});
  }

  /** Takes over from a board that has been started, that is, whose relay has been driven off. */
  async start(): Promise<void> {
    const latch = await this.#files.readLatch(this.#clock.wall());
    const memory = await this.#files.readMemory();
    if (this.#stopped) return;
    const now = this.#clock.monotonic();
    const wall = this.#clock.wall();
    this.#wallFloor = memory?.wall ?? 0;
    this.#state = initialState(latch, memory, now, wall);
    this.#record('gate.started', {
      latch: latch.kind,
      caveats: this.#board.caveats,
      memory: memory === undefined ? 'absent' : 'read',
    });
    this.#readCalendar();
    this.#tick();
    this.#stops.push(this.#clock.every(TICK_MS, () => this.#tick()));
    this.#stops.push(this.#clock.every(CALENDAR_MS, () => this.#readCalendar()));
  }

  /** Drives the relay off, then lets everything go. A trip that arrives meanwhile still latches; nothing connects. */
  async stop(): Promise<void> {
    for (const cancel of this.#stops.splice(0)) cancel();
    if (this.#state !== undefined && !this.#stopped) {
      this.dispatch({ type: 'stop' });
      this.#saveMemory(this.#state.budget);
    }
    this.#stopped = true;
    try {
      await this.#board.stop();
    } finally {
      await this.#writes;
    }
  }

  /** Monotonic milliseconds of the gate's clock. */
  get now(): number {
    return this.#clock.monotonic();
  }

  get view(): GateView {
    return viewOf(this.#limits, this.#current, this.boot, this.#clock.monotonic());
  }

  watch(listener: GateListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A number that stands for whoever waits. `onAnswer` may be called more than once (pending, then approved). */
  ref(onAnswer: (answer: Answer) => void): Ref {
    const ref = ++this.#refs;
    this.#answers.set(ref, onAnswer);
    return ref;
  }

  forget(ref: Ref): void {
    this.#answers.delete(ref);
  }

  /** Takes one event through the transition. Returns the monotonic time at which its relay command had been given. */
  dispatch(happening: Happening): number {
    if (this.#busy) {
      this.#next.push(happening);
      return this.#clock.monotonic();
    }
    this.#busy = true;
    try {
      const commandedAt = this.#take(happening);
      for (let next = this.#next.shift(); next !== undefined; next = this.#next.shift()) this.#take(next);
      return commandedAt;
    } finally {
      this.#busy = false;
    }
  }

  #take(happening: Happening): number {
    const now = this.#clock.monotonic();
    const step = transition(this.#limits, this.#current, {
      ...happening,
      now,
      wall: this.#clock.wall(),
    } as Event);
    this.#state = step.state;
    const drives = step.effects.filter((effect) => effect.do === 'relay');
    for (const effect of drives) this.#drive(effect.energised);
    const commandedAt = drives.length === 0 ? now : this.#clock.monotonic();
    for (const effect of step.effects) this.#perform(effect);
    if (happening.type !== 'tick' || step.effects.length > 0) this.#publish();
    return commandedAt;
  }

  get #current(): State {
    if (this.#state === undefined) throw new Error('the gate has not been started');
    return this.#state;
  }

  #drive(energised: boolean): void {
    // The board has been let go, which drove the relay off: it takes no commands.
    if (this.#stopped) return;
    try {
      this.#board.drive(energised);
    } catch (error) {
      // Once it is latched as a fault there is nothing more to say about it.
      const { latch } = this.#current;
      if (latch.kind === 'fault' && !isBeingCleared(latch)) return;
      this.#log.error('the board refused a command', { energised, error });
      this.dispatch({ type: 'board-failed', reason: reasonOf(error).slice(0, 400) });
    }
  }

  #perform(effect: Effect): void {
    switch (effect.do) {
      case 'relay':
        return;
      case 'write-latch':
        this.#write(
          () => this.#files.writeLatch(effect.latch),
          (ok) => this.dispatch({ type: 'latch-written', id: effect.id, ok }),
        );
        return;
      case 'save-budget': {
        const { session } = effect;
        this.#saveMemory(effect.budget, (ok) => {
          if (session !== undefined) this.dispatch({ type: 'charged', session, ok });
        });
        return;
      }
      case 'answer':
        this.#answers.get(effect.ref)?.(effect.answer);
        return;
      case 'record':
        this.#record(effect.type, effect.data);
        return;
      default:
        effect satisfies never;
    }
  }

  /** Writes follow each other in the order they were asked for, and never hold up the event loop. */
  #write(write: () => Promise<void>, done: (ok: boolean) => void): void {
    this.#writes = this.#writes.then(write).then(
      () => done(true),
      (error: unknown) => {
        this.#log.error('a durable write failed', { error });
        done(false);
      },
    );
  }

  #saveMemory(budget: Budget, done: (ok: boolean) => void = () => {}): void {
    if (this.#current.report?.clockTrusted === true) this.#wallFloor = Math.max(this.#wallFloor, this.#clock.wall());
    const memory: Memory = { budget: saveBudget(budget, this.#clock.monotonic()), wall: this.#wallFloor };
    this.#write(() => this.#files.writeMemory(memory), done);
  }

  #tick(): void {
    this.dispatch({ type: 'tick', readings: this.#board.read() });
    const { link } = this.#current;
    // The dead-man is fed by the loop that has just decided to stay connected, never by a timer that only runs.
    if (link.kind === 'energised' || link.kind === 'connected') this.#board.beat();
    const led = this.view.led;
    if (led !== this.#shown) {
      this.#shown = led;
      this.#board.show(led);
    }
    if (this.#clock.monotonic() - this.#publishedAt >= VIEW_MS) this.#publish(true);
    this.#alive();
  }

  #readCalendar(): void {
    const wall = this.#clock.wall();
    const within = this.#windows
      .map((window) => ({ window, at: windowAt(window, wall) }))
      .find(({ at }) => at !== undefined);
    const calendar: Calendar = {
      clockSane: wall >= this.#wallFloor - CLOCK_SLACK_MS,
      ...(within?.at === undefined ? {} : { window: { name: within.window.name, endsWall: within.at.endWall } }),
    };
    this.dispatch({ type: 'calendar', calendar });
  }

  #record(type: string, data: Readonly<Record<string, unknown>>): void {
    const record: GateRecord = {
      boot: this.boot,
      seq: ++this.#seq,
      at: this.#clock.monotonic(),
      wall: this.#clock.wall(),
      type,
      data: { ...data },
    };
    for (const listener of this.#listeners) listener.record(record);
  }

  /** Tells the listeners, when something changed that a person would see, or when it is time to prove freshness. */
  #publish(always = false): void {
    const view = this.view;
    const { readings, budget, interlocks, ...rest } = view;
    const key = JSON.stringify([rest, readings.contact, readings.device, interlocks.map(({ name, ok }) => [name, ok])]);
    if (!always && key === this.#published) return;
    this.#published = key;
    this.#publishedAt = this.#clock.monotonic();
    for (const listener of this.#listeners) listener.view(view);
  }
}
