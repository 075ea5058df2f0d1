import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Lines, openLines } from '../../daemon/base/lines.ts';
import { SocketDirectory } from '../../daemon/base/listen.ts';
import { silentLog } from '../../daemon/base/log.ts';
import {
  type Cause,
  type Delivery,
  delivery as deliveryShape,
  type TripAnswer,
  type TripRequest,
  tripRequest,
} from '../../daemon/base/protocol.ts';
import type { Shape } from '../../daemon/base/shape.ts';
import { GateClient } from '../../daemon/intake/gate-client.ts';
import { RecordsClient } from '../../daemon/intake/records-client.ts';
import { ManualClock, until } from './helpers.ts';

let directory: string;
let path: string;
const clock = new ManualClock();
const cleanup: (() => void | Promise<void>)[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'intake-'));
  path = join(directory, 'socket');
});
afterEach(async () => {
  for (const clean of cleanup.splice(0).reverse()) await clean();
  await rm(directory, { recursive: true });
});

/** A peer that notes what it hears. */
class Peer<In, Out> {
  readonly heard: In[] = [];
  readonly lines: Lines<Out>[] = [];
  readonly #shape: Shape<In>;
  readonly #sockets = new Set<Socket>();
  readonly #server = new SocketDirectory(directory);

  constructor(shape: Shape<In>) {
    this.#shape = shape;
    cleanup.push(() => this.#server.stop());
  }

  async start(): Promise<void> {
    await this.#server.serve('socket', (socket) => {
      this.#sockets.add(socket);
      this.lines.push(openLines(socket, this.#shape, { message: (m) => this.heard.push(m), closed: () => {} }));
    });
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Lets retry timers fire until `done`. */
async function retrying<T>(done: () => T | undefined | false): Promise<T> {
  return until(() => {
    const value = done();
    if (value === undefined || value === false) clock.advance(10);
    return value;
  });
}

const cause = (reason: string): Cause => ({ kind: 'alert', reason, source: 's', rule: 'r' });

describe('the gate client', () => {
  const trips = (gate: Peer<TripRequest, TripAnswer>) =>
    gate.heard.flatMap((message) => (message.type === 'trip' ? [message.cause.reason] : []));
  const lastTrip = (gate: Peer<TripRequest, TripAnswer>) => {
    const message = gate.heard.findLast(({ type }) => type === 'trip');
    return message?.type === 'trip' ? message.id : -1;
  };

  function make(): { gate: Peer<TripRequest, TripAnswer>; client: GateClient } {
    const gate = new Peer<TripRequest, TripAnswer>(tripRequest);
    const client = new GateClient(path, clock, silentLog);
    cleanup.push(() => client.stop());
    return { gate, client };
  }

  test('hands a trip on and its answer back', async () => {
    const { gate, client } = make();
    await gate.start();
    expect(client.connected()).toBe(false);
    client.start();
    await until(() => client.connected());
    client.alive();
    const first = client.trip(cause('one'));
    const second = client.trip(cause('two'));
    await until(() => gate.heard.length === 3);
    expect(gate.heard).toEqual([
      { type: 'alive' },
      { type: 'trip', id: 1, cause: cause('one') },
      { type: 'trip', id: 2, cause: cause('two') },
    ]);
    gate.lines[0]?.send({ type: 'tripped', id: 2, commandedAt: 7, durable: false });
    gate.lines[0]?.send({ type: 'tripped', id: 1, commandedAt: 5, durable: true });
    expect(await first).toEqual({ commandedAt: 5, durable: true });
    expect(await second).toEqual({ commandedAt: 7, durable: false });
  });

  test('a trip while the gate is away is delivered when it comes within two seconds', async () => {
    const { gate, client } = make();
    client.start();
    const trip = client.trip(cause('early'));
    clock.advance(1000);
    await gate.start();
    await until(() => {
      clock.advance(1);
      return gate.heard.length === 1;
    });
    gate.lines[0]?.send({ type: 'tripped', id: lastTrip(gate), commandedAt: 5, durable: true });
    expect(await trip).toEqual({ commandedAt: 5, durable: true });
  });

  test('a trip whose gate goes away before it answers is sent again', async () => {
    const { gate, client } = make();
    await gate.start();
    client.start();
    await until(() => client.connected());
    const trip = client.trip(cause('again'));
    await until(() => gate.heard.length === 1);
    gate.cut();
    await until(() => !client.connected());
    clock.advance(50);
    await until(() => gate.heard.length === 2);
    gate.lines[1]?.send({ type: 'tripped', id: lastTrip(gate), commandedAt: 5, durable: true });
    expect(await trip).toEqual({ commandedAt: 5, durable: true });
  });

  test.each(['is away', 'is silent'])('a gate that %s for two seconds is an error', async (how) => {
    const { gate, client } = make();
    if (how === 'is silent') await gate.start();
    client.start();
    if (how === 'is silent') await until(() => client.connected());
    const trip = client.trip(cause('lost'));
    const failed = expect(trip).rejects.toMatchObject({ code: 'socket.unreachable' });
    clock.advance(1999);
    let settled = false;
    trip.then(
      () => (settled = true),
      () => (settled = true),
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect(settled).toBe(false);
    clock.advance(1);
    await failed;
  });

  test('one undelivered trip stays owed, however long the gate is away', async () => {
    const { gate, client } = make();
    client.start();
    const lost = Array.from({ length: 5 }, (_, n) => client.trip(cause(`lost ${n}`)));
    clock.advance(2000);
    for (const trip of lost) await expect(trip).rejects.toMatchObject({ code: 'socket.unreachable' });
    clock.advance(3_600_000);
    await gate.start();
    await retrying(() => gate.heard.length > 0);
    expect(trips(gate)).toEqual(['lost 0']);
    // Answered, it is owed no more.
    gate.lines[0]?.send({ type: 'tripped', id: lastTrip(gate), commandedAt: 5, durable: true });
    await until(() => client.connected());
    const next = client.trip(cause('next'));
    await until(() => trips(gate).length === 2);
    gate.lines[0]?.send({ type: 'tripped', id: lastTrip(gate), commandedAt: 6, durable: true });
    await next;
    gate.cut();
    await until(() => !client.connected());
    await retrying(() => gate.lines.length === 2);
    client.alive();
    await until(() => gate.heard.at(-1)?.type === 'alive');
    expect(trips(gate)).toEqual(['lost 0', 'next']);
  });

  test('tries again ever more slowly, at least every second', async () => {
    const attempts: number[] = [];
    const watched = new ManualClock();
    const after = watched.after.bind(watched);
    watched.after = (ms, run) => {
      attempts.push(ms);
      return after(ms, run);
    };
    const client = new GateClient(path, watched, silentLog);
    cleanup.push(() => client.stop());
    client.start();
    for (let n = 1; n <= 7; n++) {
      await until(() => attempts.length === n);
      watched.advance(attempts[n - 1] ?? 0);
    }
    expect(attempts.slice(0, 7)).toEqual([50, 100, 200, 400, 800, 1000, 1000]);
  });

  test('a gate that breaks the protocol is left and taken up again', async () => {
    const { gate, client } = make();
    await gate.start();
    client.start();
    await until(() => gate.lines[0] !== undefined && client.connected());
    gate.lines[0]?.send({ type: 'tripped', id: 'x' } as never);
    await until(() => !client.connected());
    await retrying(() => client.connected());
  });

  test('stop fails what waits, leaves no timer, and works twice and before start', async () => {
    const { client } = make();
    const before = clock.pending;
    client.stop();
    client.start();
    const failed = expect(client.trip(cause('x'))).rejects.toMatchObject({ code: 'socket.unreachable' });
    client.stop();
    client.stop();
    await failed;
    // A connection attempt that was under way ends in nothing.
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(clock.pending).toBe(before);
  });
});

describe('the records client', () => {
  const record = (n: number): Delivery => ({
    wall: n,
    source: 's',
    outcome: 'tripped',
    detail: 'x',
    bytes: 0,
    digest: '',
  });

  test('keeps the newest thousand while the keeper is away and hands them over in order', async () => {
    const keeper = new Peer<Delivery, never>(deliveryShape);
    const client = new RecordsClient(path, clock, silentLog);
    cleanup.push(() => client.stop());
    client.start();
    for (let n = 0; n < 1005; n++) client.record(record(n));
    expect(client.dropped).toBe(5);
    await keeper.start();
    await retrying(() => keeper.heard.length === 1000);
    client.record(record(1005));
    await until(() => keeper.heard.length === 1001);
    expect(keeper.heard.map(({ wall }) => wall)).toEqual(Array.from({ length: 1001 }, (_, n) => n + 5));
    keeper.cut();
    await retrying(() => keeper.lines.length === 2);
    await until(() => {
      client.record(record(2000));
      return keeper.heard.at(-1)?.wall === 2000;
    });
  });
});
