import { FIRM_MS } from '../../daemon/board/button.ts';
import { type BoardReading, PLAIN_WIRING, type Wiring } from '../../daemon/gate/board.ts';
import { EMPTY_BUDGET } from '../../daemon/gate/budget.ts';
import type { Limits } from '../../daemon/gate/config.ts';
import type { Happening } from '../../daemon/gate/gate.ts';
import { initialState } from '../../daemon/gate/initial.ts';
import type { Answer, Effect, Event, LatchContent, State } from '../../daemon/gate/state.ts';
import { transition } from '../../daemon/gate/transition.ts';
import { LIMITS } from './rig.ts';

/** The transition alone, with a disk that always works, for telling a story step by step. */
export class Story {
  state: State;
  now = 1000;
  effects: Effect[] = [];
  readonly #limits: Limits;

  constructor(latch: LatchContent = { kind: 'clear' }, limits: Partial<Limits> = {}, wiring: Wiring = PLAIN_WIRING) {
    this.#limits = { ...LIMITS, ...limits };
    this.state = initialState(wiring, latch, { budget: EMPTY_BUDGET, wall: 0 }, this.now, 0);
    this.healthy();
  }

  /** Everything a connection needs. */
  healthy(): void {
    this.does({ type: 'calendar', calendar: { clockSane: true, window: { name: 'w', endsWall: 1e6 } } });
    this.does({ type: 'intake-alive', until: this.now + 1e6 });
    this.does({ type: 'report', report: { holder: 1, clockTrusted: true, blocks: [], attention: [], proofs: {} } });
    this.tick();
    this.tick(1000);
  }

  does(happening: Happening): Effect[] {
    const step = transition(this.#limits, this.state, { ...happening, now: this.now, wall: 0 } as Event);
    this.state = step.state;
    this.effects = [...step.effects];
    return this.effects;
  }

  /** A look at a healthy board, that follows the relays, at least every 200 ms for `ms`. */
  tick(ms = 0, readings?: Partial<BoardReading>): void {
    let left = ms;
    do {
      const step = Math.min(200, left);
      this.now += step;
      left -= step;
      this.does({ type: 'renew', holder: 1 });
      this.does({ type: 'tick', readings: { ...this.#follow(), ...readings } });
    } while (left > 0);
  }

  /** What a sound board reads for what was commanded. */
  #follow(): BoardReading {
    const { link, uplink, wiring } = this.state;
    const level = (made: boolean) => (made ? 'alive' : 'dead');
    const all = link.kind === 'energised' || link.kind === 'connected';
    const only = link.kind === 'proving' ? link.stage : undefined;
    return {
      contact: level(all),
      device: level(all),
      ...(wiring.relays === 2 ? { contacts: [level(all || only === 'first'), level(all || only === 'second')] } : {}),
      ...(wiring.uplink ? { uplink: level(uplink.kind === 'connected') } : {}),
      ...(wiring.supply ? { supply: level(this.state.press.kind === 'none') } : {}),
    };
  }

  /** A press that lasts `heldMs`, with a look at the board every 50 ms. */
  press(heldMs = 200): void {
    this.does({ type: 'press' });
    this.hold(heldMs);
    this.does({ type: 'unpress', heldMs });
  }

  /** The button stays down for `ms`. */
  hold(ms: number): void {
    const until = this.now + ms;
    const firmAt = this.now + FIRM_MS;
    const kept: Effect[] = [];
    while (this.now < until) {
      this.tick(Math.min(50, until - this.now));
      kept.push(...this.effects);
      if (this.now >= firmAt && this.now - 50 < firmAt) kept.push(...this.does({ type: 'firm' }));
    }
    this.effects = kept;
  }

  /** The disk has done the latch's write. */
  latchWritten(ok = true): Effect[] {
    const { latch } = this.state;
    if (latch.kind === 'clear' || latch.write.kind !== 'writing') throw new Error('no latch is being written');
    return this.does({ type: 'latch-written', id: latch.write.id, ok });
  }

  ask(ms = 30_000): Answer | undefined {
    this.does({ type: 'connect', holder: 1, ref: 50, purpose: 'test', ms });
    return this.answer(50);
  }

  connect(ms?: number): void {
    this.ask(ms);
    const { link } = this.state;
    if (link.kind !== 'charging') throw new Error(`not charging but ${link.kind}`);
    this.does({ type: 'charged', session: link.session.id, ok: true });
    this.tick();
  }

  trip(): void {
    this.does({ type: 'trip', cause: { kind: 'alert', reason: 'test' } });
  }

  request(verb: 'reset' | 'connect', ref = 60, seconds = 10): Answer | undefined {
    this.does({ type: 'request', ref, verb, reason: 'test', seconds });
    return this.answer(ref);
  }

  answer(ref: number): Answer | undefined {
    return this.effects
      .flatMap((effect) => (effect.do === 'answer' && effect.ref === ref ? [effect.answer] : []))
      .at(-1);
  }

  drives(): boolean[] {
    return this.effects.flatMap((effect) => (effect.do === 'relay' ? [effect.energised] : []));
  }

  records(): string[] {
    return this.effects.flatMap((effect) => (effect.do === 'record' ? [effect.type] : []));
  }

  refusedFor(): string[] {
    const answer = this.ask();
    return answer?.type === 'refused' ? answer.interlocks.map(({ name }) => name) : [];
  }
}
