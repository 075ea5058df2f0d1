import { EventEmitter, once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { GpiochipInput, GpiochipOutput } from '../../daemon/board/gpiochip.ts';
import { OnoffInput, OnoffOutput } from '../../daemon/board/onoff.ts';
import type { Input, Output } from '../../daemon/board/parts.ts';
import { findSim, SIM_LABEL } from '../board/sim.ts';
import { ROUNDS } from './rounds.ts';
import { figures, row, spread } from './rows.ts';

const RELAY = { label: SIM_LABEL, line: 17, what: 'relay' };
const BUTTON = { label: SIM_LABEL, line: 22, what: 'button', clock: systemClock };
/** Half of what a button edge may take to de-energise, debounce included. */
const LIMIT_MS = 10;

const sim = findSim();
if (sim === undefined) throw new Error('The lab has no simulated chip.');

const DRIVERS: { name: string; relay: Output; button: Input }[] = [
  { name: 'gpiochip', relay: new GpiochipOutput(RELAY), button: new GpiochipInput(BUTTON) },
  { name: 'onoff', relay: new OnoffOutput(RELAY), button: new OnoffInput(BUTTON) },
];

describe.each(DRIVERS)('$name', ({ name, relay, button }) => {
  test('an edge of the button drops the relay', async () => {
    const edges = new EventEmitter();
    let heard = 0;
    button.onEdge((high) => {
      heard = systemClock.monotonic();
      if (high) relay.write(false);
      edges.emit('edge');
    });
    sim.pull(BUTTON.line, false);
    await relay.start();
    await button.start();
    const events: number[] = [];
    const writes: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      relay.write(true);
      expect(sim.level(RELAY.line)).toBe(true);
      const pressed = once(edges, 'edge');
      const before = systemClock.monotonic();
      sim.pull(BUTTON.line, true);
      await pressed;
      events.push(heard - before);
      expect(sim.level(RELAY.line)).toBe(false);
      const released = once(edges, 'edge');
      sim.pull(BUTTON.line, false);
      await released;
    }
    for (let round = 0; round < ROUNDS; round++) {
      relay.write(true);
      const before = systemClock.monotonic();
      relay.write(false);
      const low = !sim.level(RELAY.line);
      writes.push(systemClock.monotonic() - before);
      expect(low).toBe(true);
    }
    await button.stop();
    await relay.stop();
    row(`${name}: edge of the button until the listener hears it`, `median < ${LIMIT_MS} ms`, figures(events));
    row(`${name}: write until the pin is seen low`, 'median < 5 ms', figures(writes));
    expect(spread(events).median).toBeLessThan(LIMIT_MS);
    expect(spread(writes).median).toBeLessThan(5);
  });
});
