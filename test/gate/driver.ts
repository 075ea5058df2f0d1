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

  constructor(latch: LatchContent = { kind: 'clear' }, limits: Partial<Limits> = {}) {
    this.#limits = { ...LIMITS, ...limits };
    this.state = initialState(latch, { budget: EMPTY_BUDGET, wall: 0 }, this.now, 0);
    this.healthy();
  }

  /** Everything a connection needs. */
  healthy(): void {
    this.does({ type: 'calendar', calendar: { clockSane: true, window: { name: 'w', endsWall: 1e6 } } });
    this.does({ type: 'intake-alive', until: this.now + 1e6 });
    this.does({ type: 'report', report: { holder: 1, clockTrusted: true, blocks: [], attention: [] } });
    this.tick();
    this.tick(1000);
  }

  does(happening: Happening): Effect[] {
    const step = transition(this.#limits, this.state, { ...happening, now: this.now, wall: 0 } as Event);
    this.state = step.state;
    this.effects = [...step.effects];
    return this.effects;
  }

  /** A look at a healthy link, that follows the relay, at least every 200 ms for `ms`. */
  tick(ms = 0, readings?: { contact: 'alive' | 'dead' | 'unknown'; device: 'alive' | 'dead' | 'unknown' }): void {
    let left = ms;
    do {
      const step = Math.min(200, left);
      this.now += step;
      left -= step;
      const { kind } = this.state.link;
      const follows = kind === 'energised' || kind === 'connected' ? 'alive' : 'dead';
      this.does({ type: 'renew', holder: 1 });
      this.does({ type: 'tick', readings: readings ?? { contact: follows, device: follows } });
    } while (left > 0);
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
