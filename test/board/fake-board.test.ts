import { expect, test } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { boardContract } from './contract.ts';
import { FakeBoard } from './fake-board.ts';

for (const [name, wiring] of [
  ['fake', undefined],
  ['fake, with every part', { relays: 2, uplink: true, supply: true }],
] as const) {
  boardContract(name, async () => {
    const board = new FakeBoard(systemClock);
    if (wiring !== undefined) board.wiring = wiring;
    return {
      board,
      push: (pressed) => board.push(pressed),
      energised: () => board.energised,
      uplinkEnergised: () => board.uplink,
      dispose: async () => {},
    };
  });
}

test('readings, failures and commands are the test’s to set and to see', async () => {
  const board = new FakeBoard(systemClock);
  board.failing.start = true;
  await expect(board.start()).rejects.toMatchObject({ code: 'gate.board' });
  board.failing = {};
  await board.start();
  board.drive(true);
  board.readings = { contact: 'dead' };
  expect(board.read()).toEqual({ contact: 'dead', device: 'alive' });
  board.failing = { drive: true };
  expect(() => board.drive(false)).toThrow(/takes no commands/);
  expect(board.energised).toBe(true);
  board.show('fast-red');
  board.beat();
  expect(board.given).toEqual(['relay 0', 'relay 1', 'fast-red', 'beat']);
});
