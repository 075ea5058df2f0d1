import { expect, it } from 'vitest';
import { conditionsOf, isGateAlive } from '../../daemon/keeper/conditions.ts';
import { gateView, keeperStatus, WALL } from '../web/samples.ts';

const cause = { kind: 'alert', reason: 'An agent destroys.', source: 'siem' } as const;
const calm = { attention: [] };

it.each(['lockout', 'fault'] as const)('a %s is an alarm, with its reason, and another one another alarm', (kind) => {
  const at = (wall: number) =>
    conditionsOf(keeperStatus(gateView({ latch: { kind, cause, wall, durable: true } }), calm));
  const [[key, told] = []] = Object.entries(at(WALL));
  expect(told).toMatchObject({ severity: 'alarm', text: expect.stringContaining('An agent destroys.') });
  expect(told?.title).toContain(kind.toUpperCase());
  expect(Object.keys(at(WALL + 1))).not.toContain(key);
});

it('a gate that has said nothing for a while is an alarm', () => {
  const silent = { ...calm, gate: { view: gateView(), receivedWall: WALL - 10_001 } };
  expect(conditionsOf(keeperStatus(gateView(), silent))['gate.silent']).toMatchObject({ severity: 'alarm' });
  expect(isGateAlive(keeperStatus(gateView(), silent))).toBe(false);
  expect(Object.keys(conditionsOf(keeperStatus(gateView(), calm)))).not.toContain('gate.silent');
});

it('what wants attention, and a window that left something, are warnings', () => {
  const lastWindow = {
    name: 'nightly',
    startWall: 1,
    outcome: 'partial',
    connectedSeconds: 1,
    bytes: 1,
    why: 'left',
  } as const;
  const told = conditionsOf(keeperStatus(gateView(), { attention: ['The clock is not trusted.'], lastWindow }));
  expect(Object.values(told).map(({ severity, title }) => [severity, title])).toEqual([
    ['warning', 'The clock is not trusted'],
    ['warning', 'Window nightly: partial'],
  ]);
});
