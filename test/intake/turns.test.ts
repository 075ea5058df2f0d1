import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { Turns } from '../../daemon/intake/turns.ts';

class FakeSocket extends EventEmitter {
  destroyed = false;
  readonly remoteAddress: string;
  constructor(remoteAddress: string) {
    super();
    this.remoteAddress = remoteAddress;
  }
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function door() {
  const begun: FakeSocket[] = [];
  const turns = new Turns((socket) => void begun.push(socket as unknown as FakeSocket));
  const arrive = (address: string) => {
    const socket = new FakeSocket(address);
    turns.wait(socket as unknown as Socket);
    return socket;
  };
  return { begun, turns, arrive };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
async function settled(begun: readonly unknown[], count: number): Promise<void> {
  for (let turns = 0; begun.length < count; turns++) {
    expect(turns).toBeLessThan(10_000);
    await turn();
  }
}

test('one connection is begun with at once', async () => {
  const { begun, arrive } = door();
  const socket = arrive('a');
  await settled(begun, 1);
  expect(begun).toEqual([socket]);
});

test('a sender at another address is next, however many wait', async () => {
  const { begun, arrive } = door();
  const flood = Array.from({ length: 500 }, () => arrive('a'));
  const sender = arrive('b');
  await settled(begun, 2);
  expect(begun).toContain(sender);
  await settled(begun, 501);
  expect(begun.filter((socket) => socket !== sender)).toEqual(flood);
});

test('addresses take turns, each in the order of arrival', async () => {
  const { begun, arrive } = door();
  for (const address of ['a', 'a', 'a', 'b', 'c', 'b']) arrive(address);
  await settled(begun, 6);
  expect(begun.map(({ remoteAddress }) => remoteAddress)).toEqual(['a', 'b', 'c', 'a', 'b', 'a']);
});

test('connections that never cease to arrive do not keep those that wait from their turn', async () => {
  const { begun, arrive } = door();
  const first = arrive('a');
  for (let turns = 0; begun.length === 0; turns++) {
    expect(turns).toBeLessThan(100);
    arrive('a');
    await turn();
  }
  expect(begun[0]).toBe(first);
});

test('what was closed while it waited is not begun with', async () => {
  const { begun, arrive } = door();
  const gone = arrive('a');
  const stays = arrive('a');
  gone.destroy();
  await settled(begun, 1);
  await turn();
  await turn();
  expect(begun).toEqual([stays]);
});

test('when too many wait, the last of the address that has most is ended, and nobody else', async () => {
  const { begun, arrive } = door();
  const few = [arrive('b'), arrive('c')];
  const many = Array.from({ length: 1022 }, () => arrive('a'));
  expect(many.some(({ destroyed }) => destroyed)).toBe(false);
  const last = arrive('a');
  expect(last.destroyed).toBe(true);
  const sender = arrive('d');
  expect([...few, sender].some(({ destroyed }) => destroyed)).toBe(false);
  expect(many.filter(({ destroyed }) => destroyed)).toEqual([many[1021]]);
  await settled(begun, 4);
  expect(begun.slice(0, 4)).toEqual([few[0], few[1], many[0], sender]);
});

test('ending ends all that wait, and begins with none', async () => {
  const { begun, turns, arrive } = door();
  const all = [arrive('a'), arrive('b')];
  turns.end();
  expect(all.every(({ destroyed }) => destroyed)).toBe(true);
  await turn();
  await turn();
  expect(begun).toEqual([]);
});
