import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../base/clock.ts';
import { reasonOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { GateRecord, GateView } from '../base/protocol.ts';
import type { Board, Wiring } from './board.ts';
import { type Budget, budgetUsed, saveBudget } from './budget.ts';
import type { GateConfig, Limits } from './config.ts';
import type { GateFiles, Memory } from './files.ts';
import { initialState } from './initial.ts';
import { isBeingCleared } from './latch.ts';
import { rehearseTrip } from './rehearsal.ts';
import { currentWindow, type RulesInForce, rulesOf } from './rules.ts';
import type { Answer, Calendar, Effect, Event, Ref, Rules, State } from './state.ts';
import { sessionOf } from './step.ts';
import { transition } from './transition.ts';
import { viewOf } from './view.ts';
import { judgeRules, needsRestart } from './widening.ts';

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
  /** What gate.json said when this process started: its board is the one that is driven. */
  readonly #started: GateConfig;
  readonly #proposal: () => Promise<GateConfig>;
  readonly #alive: () => void;
  readonly #answers = new Map<Ref, (answer: Answer) => void>();
  readonly #listeners = new Set<GateListener>();
  readonly #stops: (() => void)[] = [];
  /** What an effect set off while it was carried out: it comes next, in the same turn. */
  readonly #next: Happening[] = [];
  #busy = false;
  #stopped = false;
  #state: State | undefined;
  #rules: RulesInForce;
  /** What the rules in force were read from; undefined where nobody has accepted any. */
  #accepted: GateConfig | undefined;
  /** What the announced request to apply would bring into force. */
  #announced: { readonly proposed: GateConfig; readonly reasons: readonly string[] } | undefined;
  #seq = 0;
  #refs = 0;
  #shown = '';
  #published = '';
  #publishedAt = 0;
  /** Newest trusted wall time that is on disk or on its way there. */
  #wallFloor = 0;
  #writes: Promise<void> = Promise.resolve();

  /**
   * `config` is what gate.json says now; `proposal` reads it again, and rejects where it cannot be read. Throws
   * `config.gate` where a window of `config` cannot be read.
   */
  constructor(ports: {
    board: Board;
    files: GateFiles;
    clock: Clock;
    log: Log;
    config: GateConfig;
    proposal: () => Promise<GateConfig>;
    /** Called at the end of each turn of the loop, and by nothing else: what a watchdog may be fed from. */
    alive?: () => void;
  }) {
    this.#board = ports.board;
    this.#files = ports.files;
    this.#clock = ports.clock;
    this.#log = ports.log;
    this.#started = ports.config;
    this.#proposal = ports.proposal;
    this.#rules = { ...rulesOf(ports.config), windows: [] };
    this.#alive = ports.alive ?? (() => {});
  }

  /** Takes over from a board that has been started, that is, whose relay has been driven off. */
  async start(): Promise<void> {
    const latch = await this.#files.readLatch(this.#clock.wall());
    const memory = await this.#files.readMemory();
    const accepted = await this.#files.readAccepted();
    if (this.#stopped) return;
    const now = this.#clock.monotonic();
    const wall = this.#clock.wall();
    this.#wallFloor = memory?.wall ?? 0;
    const rules = judgeRules(accepted, this.#started);
    this.#accepted = accepted;
    // Where nothing is accepted there are no windows at all, and nothing connects.
    if (accepted !== undefined) this.#rules = rulesOf(rules.kind === 'current' ? this.#started : accepted);
    const wiring: Wiring = { ...this.#board.wiring, reported: this.#rules.reported };
    this.#state = { ...initialState(wiring, latch, memory, now, wall), rules };
    rehearseTrip(this.#rules.limits, this.#state, { now, wall });
    this.#record('gate.started', {
      latch: latch.kind,
      caveats: this.#board.caveats,
      memory: memory === undefined ? 'absent' : 'read',
    });
    if (rules.kind === 'waiting') this.#sayWaiting(rules);
    else if (!isDeepStrictEqual(accepted, this.#started)) this.#accept(this.#started, 'start', []);
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

  /** Those in force. They change when others are applied. */
  get limits(): Limits {
    return this.#rules.limits;
  }

  get view(): GateView {
    return viewOf(this.#rules.limits, this.#current, this.boot, this.#clock.monotonic());
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

  /**
   * Takes over what gate.json says now. What permits no more is in force at once; what permits more is announced, and
   * comes into force, as it was announced, when somebody presses. The answers go to `ref`.
   */
  async apply(ref: Ref): Promise<void> {
    let proposed: GateConfig;
    try {
      proposed = await this.#proposal();
      rulesOf(proposed);
    } catch (error) {
      this.#deny(ref, reasonOf(error));
      return;
    }
    // Who asked may have gone while the file was read: nobody could withdraw what is announced now.
    if (this.#stopped || !this.#answers.has(ref)) return;
    if (needsRestart(this.#started, proposed)) {
      this.#deny(ref, 'The board, its proofs or a directory is another one: restart the gate and the keeper.');
      return;
    }
    const rules = judgeRules(this.#accepted, proposed);
    if (rules.kind === 'current') {
      this.#adopt(proposed, 'apply', [], () => this.#answer(ref, { type: 'approved' }));
      this.dispatch({ type: 'rules', rules });
      return;
    }
    if (!isDeepStrictEqual(rules, this.#current.rules)) {
      this.dispatch({ type: 'rules', rules });
      this.#sayWaiting(rules);
    }
    if (sessionOf(this.#current.link) !== undefined) {
      this.#deny(
        ref,
        'The vault is being connected or is connected, and a press would trip: wait until it is isolated.',
      );
      return;
    }
    this.#announced = { proposed, reasons: rules.reasons };
    this.dispatch({ type: 'request', ref, verb: 'apply', reason: rules.reasons.join(' ').slice(0, 500), seconds: 0 });
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
    const step = transition(this.#rules.limits, this.#current, {
      ...happening,
      now,
      wall: this.#clock.wall(),
    } as Event);
    this.#state = step.state;
    const drives = step.effects.filter((effect) => effect.do === 'relay' || effect.do === 'uplink');
    for (const effect of drives) this.#drive(effect);
    const commandedAt = drives.length === 0 ? now : this.#clock.monotonic();
    for (const effect of step.effects) this.#perform(effect);
    if (happening.type !== 'tick' || step.effects.length > 0) this.#publish();
    return commandedAt;
  }

  get #current(): State {
    if (this.#state === undefined) throw new Error('the gate has not been started');
    return this.#state;
  }

  #drive(effect: Extract<Effect, { do: 'relay' | 'uplink' }>): void {
    // The board has been let go, which drove the relay off: it takes no commands.
    if (this.#stopped) return;
    try {
      if (effect.do === 'relay') this.#board.drive(effect.energised, effect.only);
      else this.#board.driveUplink(effect.energised);
    } catch (error) {
      // Once it is latched as a fault there is nothing more to say about it.
      const { latch } = this.#current;
      if (latch.kind === 'fault' && !isBeingCleared(latch)) return;
      this.#log.error('the board refused a command', { ...effect, error });
      this.dispatch({ type: 'board-failed', reason: reasonOf(error).slice(0, 400) });
    }
  }

  #perform(effect: Effect): void {
    switch (effect.do) {
      case 'relay':
      case 'uplink':
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
        this.#answer(effect.ref, effect.answer);
        return;
      case 'record':
        this.#record(effect.type, effect.data);
        return;
      case 'adopt-rules':
        if (this.#announced === undefined) throw new Error('rules were approved that nobody has announced');
        this.#adopt(this.#announced.proposed, 'presence', this.#announced.reasons);
        return;
      default:
        effect satisfies never;
    }
  }

  #answer(ref: Ref, answer: Answer): void {
    this.#answers.get(ref)?.(answer);
  }

  #deny(ref: Ref, reason: string): void {
    this.#answer(ref, { type: 'denied', reason: reason.slice(0, 500) });
  }

  /** Brings other rules into force, in this turn of the event loop: a connection they do not permit ends in it. */
  #adopt(config: GateConfig, by: 'apply' | 'presence', reasons: readonly string[], done: () => void = () => {}): void {
    this.#rules = rulesOf(config);
    const state = this.#current;
    this.#state = { ...state, wiring: { ...state.wiring, reported: this.#rules.reported } };
    this.#announced = undefined;
    this.#accept(config, by, reasons, done);
    const { presence } = state;
    if (presence.kind === 'pending' && presence.verb === 'apply') {
      this.dispatch({ type: 'request-gone', ref: presence.ref });
      this.#deny(
        presence.ref,
        'Other rules were applied meanwhile: what was announced was compared with those before.',
      );
    }
    const { limits } = this.#rules;
    const now = this.#clock.monotonic();
    const session = sessionOf(state.link);
    const used = budgetUsed(state.budget, now);
    if (
      session !== undefined &&
      (session.charged > limits.maxConnectionMs ||
        session.leaseUntil > now + limits.leaseMs ||
        used.ms > limits.maxConnectedMs ||
        used.connections > limits.maxConnections)
    )
      this.dispatch({ type: 'release', holder: session.holder, reason: 'The rules applied now do not permit it.' });
    this.dispatch({ type: 'intake-alive', until: Math.min(state.intakeUntil, now + limits.intakeLeaseMs) });
    this.#readCalendar();
  }

  /**
   * Keeps `config` as the accepted rules. Where they cannot be written they hold in memory: a gate that starts anew then
   * goes by those before, which permit less, or narrows them again.
   */
  #accept(config: GateConfig, by: 'start' | 'apply' | 'presence', reasons: readonly string[], done = () => {}): void {
    this.#accepted = config;
    this.#record('gate.rules_applied', { by, reasons });
    this.#write(
      () => this.#files.writeAccepted(config),
      (ok) => {
        if (!ok)
          this.#record('gate.rules_not_durable', {
            until: 'The gate ends: the next one starts from the rules before.',
          });
        done();
      },
    );
  }

  #sayWaiting({ reasons, blocks }: Extract<Rules, { kind: 'waiting' }>): void {
    this.#record('gate.rules_waiting', { reasons, blocks });
    this.#log.warn(
      blocks
        ? 'nothing connects until a person accepts the rules: run `portcullis config apply` and press the button'
        : 'the old rules hold until a person accepts the new ones: run `portcullis config apply` and press the button',
      { waiting: reasons },
    );
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
    const { proofTest } = this.#current;
    const memory: Memory = {
      budget: saveBudget(budget, this.#clock.monotonic()),
      wall: this.#wallFloor,
      ...(proofTest === undefined ? {} : { proofTest }),
    };
    this.#write(() => this.#files.writeMemory(memory), done);
  }

  #tick(): void {
    this.dispatch({ type: 'tick', readings: this.#board.read() });
    const { link } = this.#current;
    // The dead-man is fed by the loop that has just decided to stay connected, never by a timer that only runs.
    if ('session' in link && link.session.energisedAt !== undefined) this.#board.beat();
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
    const window = currentWindow(this.#rules.windows, wall);
    const calendar: Calendar = {
      clockSane: wall >= this.#wallFloor - CLOCK_SLACK_MS,
      ...(window === undefined ? {} : { window }),
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
