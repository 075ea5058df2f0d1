import { EventEmitter, once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import type { Clock } from '../../daemon/base/clock.ts';
import { EventStream } from '../../daemon/web/events.ts';
import { FakeAppliance, later, servedAppliance } from './helpers.ts';
import { CONNECTED, keeperStatus, LOCKOUT } from './samples.ts';

interface Event {
  readonly event: string;
  readonly data: { readonly [key: string]: unknown };
}

/** Reads events one by one over a real socket. */
async function subscribe(port: number): Promise<{ response: IncomingMessage; next(name?: string): Promise<Event> }> {
  const request = get({ host: '127.0.0.1', port, path: '/api/v1/events', agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  later(async () => request.destroy());
  response.setEncoding('utf8').on('error', () => {});
  const events: Event[] = [];
  const waiting: (() => void)[] = [];
  let rest = '';
  response.on('data', (chunk: string) => {
    const blocks = (rest + chunk).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map(
        block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      );
      if (fields.has('event'))
        events.push({ event: fields.get('event') ?? '', data: JSON.parse(fields.get('data') ?? '') });
    }
    for (const wake of waiting.splice(0)) wake();
  });
  return {
    response,
    async next(name = 'state') {
      for (;;) {
        const index = events.findIndex(({ event }) => event === name);
        const found = events[index];
        if (found !== undefined) {
          events.splice(0, index + 1);
          return found;
        }
        await new Promise<void>((wake) => waiting.push(wake));
      }
    },
  };
}

test('the whole status at once, and again on a change; beats in between', async () => {
  const { appliance, port } = await servedAppliance();
  const { response, next } = await subscribe(port);
  expect(response.statusCode).toBe(200);
  expect(response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
  expect(response.headers['content-security-policy']).toContain("default-src 'self'");
  expect((await next()).data).toEqual(appliance.current);
  appliance.show(keeperStatus(LOCKOUT));
  expect((await next()).data).toEqual(keeperStatus(LOCKOUT));
  expect((await next('beat')).data).toEqual({ wall: expect.any(Number) });
});

test('changes closer together than 50 ms share an event, and the last one is never lost', async () => {
  const { appliance, port } = await servedAppliance();
  const { next } = await subscribe(port);
  await next();
  for (let n = 1; n <= 500; n += 1) appliance.show(keeperStatus(CONNECTED, { ledgerSeq: n }));
  let events = 0;
  let last: unknown;
  while (last !== 500) {
    last = (await next()).data['ledgerSeq'];
    events += 1;
  }
  expect(events).toBeLessThanOrEqual(2);
});

test('the 201st page is turned away with a problem, and has room once another leaves', async () => {
  const { port } = await servedAppliance();
  const open = await Promise.all(Array.from({ length: 200 }, () => subscribe(port)));
  const ask = async () => {
    const [response] = (await once(
      get({ host: '127.0.0.1', port, path: '/api/v1/events', agent: false }),
      'response',
    )) as [IncomingMessage];
    later(async () => response.destroy());
    return response;
  };
  const refused = await ask();
  expect(refused.statusCode).toBe(503);
  expect(refused.headers['content-type']).toContain('application/problem+json');
  open[0]?.response.destroy();
  for (let tries = 0; (await ask()).statusCode !== 200; tries += 1) expect(tries).toBeLessThan(100);
});

test('stop ends the streams', async () => {
  const { web, port, appliance } = await servedAppliance();
  const { response, next } = await subscribe(port);
  await next();
  const closed = new Promise((resolve) => response.on('close', resolve));
  await web.stop();
  await closed;
  expect(appliance.watchers.size).toBe(0);
});

/** A clock whose time passes when told. */
class ManualClock implements Clock {
  now = 0;
  readonly #timers: { at: number; every: number; run: () => void }[] = [];
  monotonic = () => this.now;
  wall = () => 1_000_000 + this.now;
  after = (ms: number, run: () => void) => this.#add(ms, 0, run);
  every = (ms: number, run: () => void) => this.#add(ms, ms, run);

  advance(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.now = Math.max(this.now, next.at);
      if (next.every > 0) next.at += next.every;
      else this.#timers.splice(this.#timers.indexOf(next), 1);
      next.run();
    }
    this.now = until;
  }

  #add(ms: number, every: number, run: () => void): () => void {
    const timer = { at: this.now + ms, every, run };
    this.#timers.push(timer);
    return () => {
      const index = this.#timers.indexOf(timer);
      if (index !== -1) this.#timers.splice(index, 1);
    };
  }
}

/** A response whose socket takes nothing more from the moment `stuck` is set. */
class FakeResponse extends EventEmitter {
  stuck = false;
  destroyed = false;
  readonly written: string[] = [];

  write(text: string): boolean {
    this.written.push(text);
    return !this.stuck;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

test('a client that takes nothing holds one event, gets the newest when it drains, and is dropped after 10 s', () => {
  const appliance = new FakeAppliance();
  const clock = new ManualClock();
  const events = new EventStream(appliance.status, clock);
  events.start();
  const slow = new FakeResponse();
  const quick = new FakeResponse();
  events.add(slow as unknown as ServerResponse);
  events.add(quick as unknown as ServerResponse);
  slow.stuck = true;
  for (let n = 1; n <= 50; n += 1) {
    clock.advance(100);
    appliance.show(keeperStatus(CONNECTED, { ledgerSeq: n }));
  }
  expect(slow.written).toHaveLength(2);
  expect(quick.written.length).toBeGreaterThan(50);
  slow.stuck = false;
  slow.emit('drain');
  expect(slow.written).toHaveLength(3);
  expect(slow.written[2]).toContain('"ledgerSeq":50');
  slow.stuck = true;
  clock.advance(12_100);
  expect(slow.destroyed).toBe(true);
  expect(quick.destroyed).toBe(false);
  events.stop();
  expect(quick.destroyed).toBe(true);
});

test('a real client that stops reading delays nobody', async () => {
  const { appliance, port } = await servedAppliance();
  const sleeper = connect(port, '127.0.0.1');
  later(async () => sleeper.destroy());
  sleeper.on('error', () => {});
  sleeper.write('GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n');
  sleeper.pause();
  const { next } = await subscribe(port);
  await next();
  // Large enough that kernel buffers fill: 4 MB an event.
  const attention = Array.from({ length: 4000 }, () => 'x'.repeat(1000));
  for (let n = 1; n <= 5; n += 1) {
    appliance.show(keeperStatus(CONNECTED, { ledgerSeq: n, attention }));
    expect((await next()).data['ledgerSeq']).toBe(n);
  }
});
