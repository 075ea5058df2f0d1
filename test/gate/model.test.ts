import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Reading } from '../../daemon/base/protocol.ts';
import { FIRM_MS } from '../../daemon/board/button.ts';
import { type BoardReading, PLAIN_WIRING, type Wiring } from '../../daemon/gate/board.ts';
import { BUDGET_PERIOD_MS, EMPTY_BUDGET, saveBudget } from '../../daemon/gate/budget.ts';
import type { Limits } from '../../daemon/gate/config.ts';
import type { Memory } from '../../daemon/gate/files.ts';
import { initialState } from '../../daemon/gate/initial.ts';
import { ledFor } from '../../daemon/gate/led.ts';
import type { Effect, Event, LatchContent, State } from '../../daemon/gate/state.ts';
import { transition } from '../../daemon/gate/transition.ts';

/**
 * Random sequences of events, faults, clock steps and crashes against the transition function. The world around it (the
 * relays, the contacts, the doors, the disk, the person) is modelled here on its own terms, and the invariants G1–G10 are
 * asserted on that world, not on the gate's word for it.
 */
const LIMITS: Limits = {
  leaseMs: 1000,
  intakeLeaseMs: 1000,
  maxConnectionMs: 20_000,
  maxConnections: 12,
  maxConnectedMs: 120_000,
  minOffMs: 3000,
  settleMs: 1000,
  deviceTimeoutMs: 4000,
  presenceMs: 15_000,
  proofTestMs: 60_000,
};
const KEEPER = 1;
/** Coarser than the gate's own 50 ms, and finer than anything it measures. */
const TICK = 100;

/** What a sequence is made of. `wait` lets time pass with the gate's own ticks. */
type Step =
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'lapse'; readonly ms: number }
  | { readonly kind: 'clock-step'; readonly ms: number }
  | { readonly kind: 'trip' | 'connect' | 'release' | 'request-reset' | 'request-connect' | 'withdraw' }
  | { readonly kind: 'press'; readonly heldMs: number }
  | { readonly kind: 'set'; readonly what: keyof Switches; readonly to: boolean }
  /** The disk catches up. */
  | { readonly kind: 'disk' }
  /** A person repairs everything and resets; a person asks for a connection and approves it. */
  | { readonly kind: 'mend' | 'approve' }
  /** What a healthy keeper does: connect, wait for the disk, hold for a while. */
  | { readonly kind: 'cycle'; readonly ms: number }
  | { readonly kind: 'crash' | 'stop' | 'hold-and-trip' };

interface Switches {
  keeperRenews: boolean;
  intakeAlive: boolean;
  window: boolean;
  clockTrusted: boolean;
  welded: boolean;
  coilDead: boolean;
  /** The board's readings are lost: nothing is measured. */
  blind: boolean;
  diskBroken: boolean;
  /** Of the second relay in series, the second door, and what is sensed there. */
  welded2: boolean;
  uplinkWelded: boolean;
  uplinkDead: boolean;
  uplinkBlind: boolean;
  /** Something else keeps the far end alive: the probe says so. */
  bypassed: boolean;
  supplyGone: boolean;
  poleBridged: boolean;
}

const HEALTHY: Switches = {
  keeperRenews: true,
  intakeAlive: true,
  window: true,
  clockTrusted: true,
  welded: false,
  coilDead: false,
  blind: false,
  diskBroken: false,
  welded2: false,
  uplinkWelded: false,
  uplinkDead: false,
  uplinkBlind: false,
  bypassed: false,
  supplyGone: false,
  poleBridged: false,
};

const SERIES: Wiring = { relays: 2, uplink: true, supply: true, reported: ['probe'] };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 50, max: 3000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lapse' as const), ms: fc.integer({ min: 1, max: 5000 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('clock-step' as const), ms: fc.integer({ min: -1e10, max: 1e10 }) }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'trip' as const }) },
  { weight: 6, arbitrary: fc.constant({ kind: 'connect' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'release' as const }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      { kind: 'request-reset' as const },
      { kind: 'request-connect' as const },
      { kind: 'withdraw' as const },
    ),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('press' as const), heldMs: fc.constantFrom(10, 300, 4900, 5000, 8000) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('set' as const),
      what: fc.constantFrom(
        'keeperRenews',
        'intakeAlive',
        'window',
        'clockTrusted',
        'welded',
        'coilDead',
        'blind',
        'diskBroken',
      ),
      to: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('set' as const),
      what: fc.constantFrom(
        'welded2',
        'uplinkWelded',
        'uplinkDead',
        'uplinkBlind',
        'bypassed',
        'supplyGone',
        'poleBridged',
      ),
      to: fc.boolean(),
    }),
  },
  { weight: 6, arbitrary: fc.constant({ kind: 'disk' as const }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      { kind: 'crash' as const },
      { kind: 'stop' as const },
      { kind: 'hold-and-trip' as const },
      { kind: 'hold-and-trip' as const },
    ),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom({ kind: 'mend' as const }, { kind: 'mend' as const }, { kind: 'approve' as const }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('cycle' as const), ms: fc.integer({ min: 50, max: 4000 }) }) },
);

const NOTHING = {
  trips: 0,
  connections: 0,
  faults: 0,
  resets: 0,
  crashes: 0,
  presence: 0,
  lapses: 0,
  unwritable: 0,
};

class World {
  now = 1000;
  wall = 1_800_000_000_000;
  state: State;
  /** What the coils are commanded. */
  relay1 = false;
  relay2 = false;
  uplink = false;
  relaySince = 0;
  down = false;
  switches: Switches = { ...HEALTHY };
  latchOnDisk: LatchContent = { kind: 'clear' };
  memoryOnDisk: Memory = { budget: EMPTY_BUDGET, wall: 0 };
  pendingWrites: Effect[] = [];
  /** Trips acknowledged as durable since the last reset. */
  durableTrips = 0;
  energisings: { readonly at: number; readonly uptime: number }[] = [];
  uptimeBefore = 0;
  uptimeStart = 1000;
  lastDeadAt = 1000;
  /** Presses that could have approved exactly one pending connect request, not yet used by a connection. */
  approvals = 0;
  fired: Record<string, number> = { ...NOTHING };
  readonly wiring: Wiring;
  contactAtTick: Reading = 'dead';
  refs = 100;
  requestRef: number | undefined;

  constructor(wiring: Wiring) {
    this.wiring = wiring;
    this.state = initialState(wiring, { kind: 'clear' }, this.memoryOnDisk, this.now, this.wall);
  }

  get relay(): boolean {
    return this.relay1 || this.relay2;
  }

  fire(what: string): void {
    this.fired[what] = (this.fired[what] ?? 0) + 1;
  }

  /** The coils have current: neither the button's closed pole nor the supply takes it. */
  supplied(): boolean {
    return !this.wiring.supply || (!this.switches.supplyGone && (!this.down || this.switches.poleBridged));
  }

  /** The two contacts in series; where there is one relay, the second is a piece of wire. */
  made(): [boolean, boolean] {
    const { welded, welded2, coilDead } = this.switches;
    const current = this.supplied() && !coilDead;
    const second = this.wiring.relays === 1 || welded2 || (this.relay2 && current);
    return [welded || (this.relay1 && current), second];
  }

  /** The vault is reachable, whatever anybody says. */
  linkAlive(): boolean {
    return this.made().every((made) => made);
  }

  uplinkAlive(): boolean {
    return this.wiring.uplink && (this.switches.uplinkWelded || (this.uplink && !this.switches.uplinkDead));
  }

  /** What the board reads: while nothing is commanded on, one contact still made is alive. */
  read(): BoardReading {
    const level = (alive: boolean): Reading => (alive ? 'alive' : 'dead');
    const { relays, uplink, supply } = this.wiring;
    const made = this.made().slice(0, relays);
    const alive = this.relay ? made.every((each) => each) : made.includes(true);
    return {
      contact: this.switches.blind ? 'unknown' : level(alive),
      device: 'unknown',
      ...(relays === 2 ? { contacts: made.map(level) } : {}),
      ...(uplink ? { uplink: this.switches.uplinkBlind ? 'unknown' : level(this.uplinkAlive()) } : {}),
      ...(supply ? { supply: level(this.supplied()) } : {}),
    };
  }

  dispatch(event: Record<string, unknown> & { type: Event['type'] }): void {
    const before = this.state;
    const full = { ...event, now: this.now, wall: this.wall } as Event;
    const { state, effects } = transition(LIMITS, before, full);
    this.state = state;
    // G2: whatever else, a trip's relay command is off, and there is one, in this very step, before all other effects.
    if (event.type === 'trip') {
      this.fire('trips');
      assert.deepEqual(effects[0], { do: 'relay', energised: false });
      assert(effects.every((effect) => (effect.do !== 'relay' && effect.do !== 'uplink') || !effect.energised));
      assert(state.latch.kind !== 'clear');
    }
    const moves = (effect: Effect) => effect.do === 'relay' || effect.do === 'uplink';
    const firstOther = effects.findIndex((effect) => !moves(effect));
    if (firstOther !== -1) assert(!effects.slice(firstOther).some(moves));
    // G10: isolated and connected are measured before they are said.
    if (before.link.kind !== state.link.kind) {
      if (state.link.kind === 'isolated') assert(this.contactAtTick === 'dead');
      if (state.link.kind === 'connected') assert(this.contactAtTick === 'alive');
    }
    for (const effect of effects) this.perform(before, full, effect);
    this.check();
  }

  perform(before: State, event: Event, effect: Effect): void {
    switch (effect.do) {
      case 'relay':
        if (effect.energised && !this.relay && before.link.kind !== 'proving') this.energise(before, event);
        this.relay1 = effect.energised && effect.only !== 2;
        this.relay2 = effect.energised && effect.only !== 1 && this.wiring.relays === 2;
        return;
      case 'uplink':
        // G6: the vault is proven dead, and nothing is latched.
        if (effect.energised) {
          assert(this.contactAtTick === 'dead' && this.latchOnDisk.kind === 'clear' && before.latch.kind === 'clear');
          this.fire('uplinks');
        }
        this.uplink = effect.energised;
        return;
      case 'adopt-rules':
        return;
      case 'write-latch':
      case 'save-budget':
        this.pendingWrites.push(effect);
        return;
      case 'answer':
        if (effect.answer.type === 'tripped') assert(!this.relay);
        if (effect.answer.type === 'tripped' && effect.answer.durable) {
          // G7: acknowledged as durable means durable.
          assert(this.latchOnDisk.kind !== 'clear');
          this.durableTrips += 1;
        }
        return;
      case 'record':
        if (effect.type === 'gate.fault') this.fire('faults');
        if (effect.type === 'gate.connected') this.fire('connections');
        if (effect.type === 'gate.isolating' && String(effect.data['why']).includes('lease')) this.fire('lapses');
        if (effect.type === 'gate.latch_unwritable') this.fire('unwritable');
        if (effect.type === 'gate.proof_test') this.fire(effect.data['passed'] === true ? 'proven' : 'disproven');
        if (effect.type === 'gate.reset') {
          this.fire('resets');
          // G8: it leaves the relay off (that a person asked for it is asserted where clearing begins).
          assert(!this.relay);
          assert(this.latchOnDisk.kind === 'clear');
          this.durableTrips = 0;
        }
        return;
      default:
        effect satisfies never;
    }
  }

  /** The moment of energising: everything G4 and G5 ask for is looked up in the world. */
  energise(before: State, event: Event): void {
    assert(event.type === 'charged' || (this.wiring.uplink && event.type === 'tick'));
    assert(before.link.kind === 'charging');
    // G6: break before make.
    assert(!this.uplink);
    if (this.wiring.uplink) assert(this.uplinkReadDead());
    if (before.link.kind !== 'charging') return;
    assert(before.latch.kind === 'clear');
    assert(this.latchOnDisk.kind === 'clear');
    assert(this.contactAtTick === 'dead');
    assert(before.intakeUntil > this.now);
    if (before.link.session.permit === 'window') {
      assert(before.calendar.window !== undefined);
      assert(before.report?.clockTrusted === true);
    } else {
      this.fire('presence');
      this.approvals -= 1;
      assert(this.approvals >= 0);
    }
    // Charged durably before.
    const uptime = this.uptime();
    assert(this.memoryOnDisk.budget.entries.length > 0);
    const recent = this.energisings.filter((each) => each.uptime > uptime - BUDGET_PERIOD_MS);
    assert(recent.length < LIMITS.maxConnections);
    assert(this.now - this.lastDeadAt >= LIMITS.minOffMs);
    this.energisings.push({ at: this.now, uptime });
    this.relaySince = this.now;
  }

  uplinkReadDead(): boolean {
    return this.state.readings.uplink === 'dead';
  }

  uptime(): number {
    return this.uptimeBefore + (this.now - this.uptimeStart);
  }

  check(): void {
    const { state } = this;
    // G1
    const { link } = state;
    const all = link.kind === 'energised' || link.kind === 'connected';
    assert.equal(this.relay, all || (link.kind === 'proving' && link.stage !== 'between'));
    // One alone in a proof test.
    if (this.wiring.relays === 2) assert.equal(this.relay1 && this.relay2, all);
    // G6, on the commands, at every moment.
    assert(!(this.relay && this.uplink));
    // A latch and an energised relay never go together.
    if (state.latch.kind !== 'clear') assert(!this.relay);
    // G7 over everything: a trip acknowledged as durable is on the disk until a reset.
    if (this.durableTrips > 0 && !this.clearing()) assert(this.latchOnDisk.kind !== 'clear');
  }

  tick(): void {
    const readings = this.read();
    this.contactAtTick = readings.contact;
    this.dispatch({ type: 'tick', readings });
    // G6, on the doors: after a look, whatever has welded, none is held open while the other is alive.
    if (this.wiring.uplink) {
      if (this.uplinkAlive()) assert(!(this.relay1 && this.relay2));
      if (this.linkAlive()) assert(!this.uplink);
    }
    if (this.relay) {
      this.lastDeadAt = this.now;
      // G3 and G4: after the gate has looked at the time, an expired lease or cap holds nothing.
      assert(('session' in this.state.link ? this.state.link.session.leaseUntil : 0) > this.now);
      assert(this.now - this.relaySince < LIMITS.maxConnectionMs);
    }
    // G10: what is measured is what is said.
    const led = ledFor(this.state, this.now);
    if (this.state.latch.kind !== 'clear') assert(led !== 'steady-green');
    if (led === 'steady-green') assert(!this.linkAlive());
    if (this.state.link.kind === 'connected') assert(this.relay);
  }

  pass(ms: number): void {
    for (let left = ms; left > 0; left -= TICK) {
      this.now += Math.min(TICK, left);
      this.wall += Math.min(TICK, left);
      if (Math.floor(this.now / 250) !== Math.floor((this.now - TICK) / 250)) {
        if (this.switches.intakeAlive) this.dispatch({ type: 'intake-alive', until: this.now + LIMITS.intakeLeaseMs });
        if (this.switches.keeperRenews) {
          this.dispatch({ type: 'renew', holder: KEEPER });
          this.dispatch({
            type: 'report',
            report: {
              holder: KEEPER,
              clockTrusted: this.switches.clockTrusted,
              blocks: [],
              attention: [],
              proofs:
                this.wiring.reported.length === 0
                  ? {}
                  : { probe: this.linkAlive() || this.switches.bypassed ? ('alive' as const) : ('dead' as const) },
            },
          });
        }
        this.dispatch({
          type: 'calendar',
          calendar: {
            clockSane: true,
            ...(this.switches.window ? { window: { name: 'w', endsWall: this.wall + 15_000 } } : {}),
          },
        });
      }
      this.tick();
    }
  }

  /** The disk finishes, or fails, what it was given. */
  disk(): void {
    for (let effect = this.pendingWrites.shift(); effect !== undefined; effect = this.pendingWrites.shift()) {
      const ok = !this.switches.diskBroken;
      if (effect.do === 'write-latch') {
        if (ok) this.latchOnDisk = effect.latch;
        // A person asked for this (asserted where clearing begins): what was latched before is settled.
        if (ok && effect.latch.kind === 'clear') this.durableTrips = 0;
        this.dispatch({ type: 'latch-written', id: effect.id, ok });
      }
      if (effect.do === 'save-budget') {
        const { proofTest } = this.state;
        if (ok)
          this.memoryOnDisk = {
            budget: saveBudget(effect.budget, this.now),
            wall: 0,
            ...(proofTest === undefined ? {} : { proofTest }),
          };
        if (effect.session !== undefined) this.dispatch({ type: 'charged', session: effect.session, ok });
      }
    }
  }

  clearing(): boolean {
    const { latch } = this.state;
    return latch.kind !== 'clear' && latch.write.kind === 'writing' && latch.write.clears;
  }

  press(heldMs: number): void {
    const { presence, latch } = this.state;
    const live = 'session' in this.state.link;
    const pending = !live && presence.kind === 'pending' ? presence : undefined;
    this.down = true;
    const clearingBefore = this.clearing();
    const faultsBefore = this.fired['faults'];
    this.dispatch({ type: 'press' });
    // Pressed while connecting or connected: a trip, on the edge.
    if (live) {
      assert(!this.relay);
      assert(this.state.latch.kind !== 'clear');
      this.fire('trips');
    }
    // The first edge approves nothing: a spike could.
    if (!clearingBefore) assert(!this.clearing());
    assert(this.state.presence.kind !== 'approved' || presence.kind === 'approved');
    if (heldMs >= FIRM_MS) this.firm(pending);
    this.pass(heldMs);
    this.down = false;
    const clearingHeld = this.clearing();
    const heldThroughOne = faultsBefore === this.fired['faults'];
    this.dispatch({ type: 'unpress', heldMs });
    // Only a press that began on a latch, for nothing else, and lasted 5 s, resets when it is let go.
    const resets = !live && latch.kind !== 'clear' && presence.kind !== 'pending' && heldMs >= 5000 && heldThroughOne;
    if (!clearingHeld && this.clearing()) assert(resets);
  }

  /** The press has lasted: it means what was announced when it began, if that still stands. */
  firm(pending: { readonly ref: number; readonly verb: string } | undefined): void {
    this.pass(FIRM_MS);
    const { presence } = this.state;
    const stands = presence.kind === 'pending' && presence.ref === pending?.ref;
    if (stands && presence.verb === 'connect') this.approvals += 1;
    const clearingBefore = this.clearing();
    this.dispatch({ type: 'firm' });
    if (!clearingBefore && this.clearing()) assert(stands && presence.verb === 'reset');
  }

  crash(): void {
    this.fire('crashes');
    this.down = false;
    const resetUnderWay = this.clearing();
    // Every way out of the process ends with the relay off (proven elsewhere, on real processes).
    this.relay1 = false;
    this.relay2 = false;
    this.uplink = false;
    this.pendingWrites = [];
    this.approvals = 0;
    this.requestRef = undefined;
    // Time the gate did not observe gives nothing back, whatever the uptime file says.
    this.uptimeBefore = Math.min(this.uptime(), this.memoryOnDisk.budget.uptime);
    this.energisings = this.energisings.map((each) => ({ ...each, uptime: Math.min(each.uptime, this.uptimeBefore) }));
    this.uptimeStart = this.now;
    this.lastDeadAt = this.now;
    this.state = initialState(this.wiring, this.latchOnDisk, this.memoryOnDisk, this.now, this.wall);
    if (this.durableTrips > 0 && !resetUnderWay) assert(this.state.latch.kind !== 'clear');
    if (this.latchOnDisk.kind === 'clear') this.durableTrips = 0;
  }

  run(step: Step): void {
    switch (step.kind) {
      case 'wait':
        this.pass(step.ms);
        return;
      case 'lapse': // the event loop hung: time passes, nobody ticks
        this.now += step.ms;
        this.wall += step.ms;
        this.tick();
        return;
      case 'clock-step':
        this.wall += step.ms;
        this.tick();
        return;
      case 'trip':
        this.dispatch({ type: 'trip', ref: ++this.refs, cause: { kind: 'alert', reason: 'test' } });
        return;
      case 'connect':
        this.dispatch({ type: 'connect', holder: KEEPER, ref: ++this.refs, purpose: 'test', ms: 30_000 });
        return;
      case 'release':
        this.dispatch({ type: 'release', holder: KEEPER, reason: 'done' });
        return;
      case 'request-reset':
      case 'request-connect': {
        this.requestRef = ++this.refs;
        const verb = step.kind === 'request-reset' ? 'reset' : 'connect';
        this.dispatch({ type: 'request', ref: this.requestRef, verb, reason: 'test', seconds: 10 });
        return;
      }
      case 'withdraw':
        if (this.requestRef !== undefined) this.dispatch({ type: 'request-gone', ref: this.requestRef });
        return;
      case 'press':
        this.press(step.heldMs);
        return;
      case 'set':
        this.switches[step.what] = step.to;
        return;
      case 'disk':
        this.disk();
        return;
      case 'crash':
        this.crash();
        return;
      case 'stop': // a polite end: nothing connects from here on, whatever was under way
        this.dispatch({ type: 'stop' });
        assert(!this.relay);
        this.run({ kind: 'cycle', ms: 300 });
        assert(!this.relay);
        this.crash();
        return;
      case 'hold-and-trip': {
        // A trip while somebody holds the button for a reset is not reset by letting go.
        this.down = true;
        this.dispatch({ type: 'press' });
        const before = this.clearing();
        this.pass(3000);
        this.run({ kind: 'trip' });
        this.pass(3000);
        this.down = false;
        this.dispatch({ type: 'unpress', heldMs: 6000 });
        assert(before || !this.clearing());
        assert(this.state.latch.kind !== 'clear');
        return;
      }
      case 'mend':
        this.switches = { ...HEALTHY };
        this.disk();
        this.pass(300);
        this.press(5000);
        this.disk();
        this.pass(LIMITS.minOffMs);
        return;
      case 'approve':
        this.run({ kind: 'request-connect' });
        this.press(300);
        this.run({ kind: 'cycle', ms: 500 });
        return;
      case 'cycle':
        this.run({ kind: 'connect' });
        this.disk();
        this.pass(step.ms);
        return;
      default:
        step satisfies never;
    }
  }
}

/** In all 100,000 steps or more, counted below. */
const BUILDS = [
  { name: 'one door', wiring: PLAIN_WIRING, runs: 450, rare: [] },
  {
    name: 'two doors, two relays in series, coil supply, a probe',
    wiring: SERIES,
    runs: 550,
    rare: ['uplinks', 'proven', 'disproven'],
  },
] as const;

describe('the gate, driven at random', () => {
  it.each(BUILDS)(
    'keeps G1–G10 through events, faults, clock steps and crashes: $name',
    ({ name, wiring, runs, rare }) => {
      const fired: Record<string, number> = { ...NOTHING };
      let steps = 0;
      fc.assert(
        fc.property(fc.array(step, { minLength: 40, maxLength: 200, size: 'max' }), (sequence) => {
          const world = new World(wiring);
          world.pass(4000);
          for (const each of sequence) {
            world.run(each);
            steps += 1;
          }
          for (const [key, count] of Object.entries(world.fired)) fired[key] = (fired[key] ?? 0) + count;
        }),
        { numRuns: runs, seed: 20261121, endOnFailure: true },
      );
      console.log(`gate model, ${name}: ${steps} steps, ${JSON.stringify(fired)}`);
      expect(steps).toBeGreaterThan(50_000);
      // A model in which nothing happens proves nothing.
      for (const what of [...Object.keys(NOTHING), ...rare]) expect(fired[what], what).toBeGreaterThan(10);
    },
    300_000,
  );
});
