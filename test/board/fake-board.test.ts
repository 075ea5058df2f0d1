import { expect, test } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { boardContract } from './contract.ts';
import { FakeBoard } from './fake-board.ts';

boardContract('fake', async () => {
  const board = new FakeBoard(systemClock);
  return {
    board,
    push: (pressed) => board.push(pressed),
    energised: () => board.energised,
    dispose: async () => {},
  };
});

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
