import { afterEach, expect, it, vi } from 'vitest';
import { initialState } from '../../daemon/gate/initial.ts';
import { rehearseTrip } from '../../daemon/gate/rehearsal.ts';
import { transition } from '../../daemon/gate/transition.ts';
import { GateRig, LIMITS } from './rig.ts';

vi.mock('../../daemon/gate/transition.ts', { spy: true });

afterEach(() => vi.mocked(transition).mockClear());

const at = { now: 1000, wall: 2000 };

it.each([false, true])(
  'what is rehearsed is a trip of a connection, also by a gate that starts locked (uplink: %s)',
  (uplink) => {
    const cause = { kind: 'button', reason: 'pressed' } as const;
    const wiring = { relays: 2, uplink, supply: true, reported: [] } as const;
    const state = initialState(wiring, { kind: 'lockout', cause, wall: 1 }, undefined, at.now, at.wall);
    const step = rehearseTrip(LIMITS, state, at);
    const vault = { do: 'relay', energised: false };
    const doors = uplink ? [vault, vault, { do: 'uplink', energised: false }] : [vault, vault];
    expect(step.effects.slice(0, doors.length)).toEqual(doors);
    expect(step.effects.map((effect) => effect.do)).toContain('write-latch');
    expect(step.state).toMatchObject({
      link: { kind: 'isolating' },
      latch: { kind: 'lockout', cause: { kind: 'gate' } },
    });
  },
);

it('a gate that starts has rehearsed a trip before anything is decided, and nothing has come of it', async () => {
  const rig = await GateRig.create();
  try {
    await rig.start();
    const types = vi.mocked(transition).mock.calls.map(([, , event]) => event.type);
    const trips = types.findIndex((type) => type !== 'trip');
    expect(trips).toBeGreaterThan(8);
    expect(types.lastIndexOf('trip')).toBe(trips - 1);
    expect(rig.board.given.filter((what) => what.startsWith('relay'))).toEqual(['relay 0']);
    expect(rig.records.map(({ type }) => type)).not.toContain('gate.tripped');
    expect(rig.gate.view).toMatchObject({ link: 'isolated', latch: { kind: 'clear' } });
    await rig.connect();
    expect(rig.board.energised).toBe(true);
    expect(await rig.trip()).toEqual({ type: 'tripped', durable: true });
  } finally {
    await rig.dispose();
  }
});
