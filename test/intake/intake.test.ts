import { createServer } from 'node:http';
import { createConnection } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { silentLog } from '../../daemon/base/log.ts';
import { delivery as deliveryShape, tripRequest } from '../../daemon/base/protocol.ts';
import { Secret } from '../../daemon/base/secret.ts';
import { createIntake } from '../../daemon/intake/intake.ts';
import {
  authorized,
  type Bench,
  bench,
  detector,
  FakeGate,
  type Headers,
  head,
  ManualClock,
  NEXT_WHSEC,
  post,
  prometheus,
  sample,
  signed,
  speak,
  TOKEN,
  until,
} from './helpers.ts';

const firing = sample('alertmanager-v4-agent-destructive-firing.json');
const resolved = sample('alertmanager-v4-agent-destructive-resolved.json');
const destructive = sample('standardwebhooks-agent-destructive.json');
const harmless = sample('standardwebhooks-example-event.json');

const stops: (() => Promise<void>)[] = [];
async function start(options: Parameters<typeof bench>[0] = {}): Promise<Bench> {
  const started = await bench(options);
  stops.push(started.stop);
  return started;
}
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

describe('an authenticated alert', () => {
  test('trips with a bearer token', async () => {
    const { port, gate, delivered } = await start();
    const answer = await post(port, '/alerts/prometheus', authorized, firing);
    expect(answer).toMatchObject({ status: 202, body: { tripped: true, latencyMs: expect.any(Number) } });
    expect(gate.causes).toEqual([
      { kind: 'alert', source: 'prometheus', rule: 'agent.destructive', reason: 'An agent deletes.' },
    ]);
    const delivery = deliveryShape(await delivered());
    expect(delivery).toMatchObject({ outcome: 'tripped', source: 'prometheus', rule: 'agent.destructive' });
    expect(delivery).toMatchObject({ bytes: firing.length, latencyMs: answer.body['latencyMs'] });
    expect(delivery.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(delivery.latencyMs).toBeGreaterThanOrEqual(0);
  });

  test('is told as text without secrets once it is answered; a heartbeat and what was refused are not', async () => {
    const { port, delivered } = await start();
    const body = Buffer.from(JSON.stringify({ alerts: 'none', password: 'hunter2' }));
    await post(port, '/alerts/detector', signed(body), body);
    expect(await delivered()).toMatchObject({
      payload: '{"alerts":"none","password":"[redacted]"}',
      at: expect.any(Number),
    });
    await post(port, '/heartbeat/detector', signed(body), body);
    expect(await delivered()).not.toHaveProperty('payload');
    await post(port, '/alerts/prometheus', { authorization: 'Bearer wrong' }, body);
    expect(await delivered()).not.toHaveProperty('payload');
    await post(port, '/alerts/prometheus', authorized, firing);
    expect((await delivered()).payload).toMatch(/^\{"receiver":/);
  });

  test('of which there are many is told without its payload, but never a trip', async () => {
    const { port, delivered } = await start({ clock: new ManualClock() });
    const told: boolean[] = [];
    for (let turn = 0; turn < 8; turn += 1) {
      await post(port, '/alerts/prometheus', authorized, resolved);
      told.push('payload' in (await delivered()));
    }
    expect(told).toEqual([true, true, true, true, true, false, false, false]);
    await post(port, '/alerts/prometheus', authorized, firing);
    expect(await delivered()).toHaveProperty('payload');
  });

  test('trips with either of two signing secrets', async () => {
    const { port, gate } = await start();
    for (const secret of [undefined, NEXT_WHSEC]) {
      const headers = signed(destructive, secret === undefined ? {} : { secret });
      expect(await post(port, '/alerts/detector', headers, destructive)).toMatchObject({
        status: 202,
        body: { tripped: true },
      });
    }
    expect(gate.causes).toHaveLength(2);
  });

  test('that matches no rule, or is resolved, does not trip', async () => {
    const { port, gate, delivered } = await start();
    expect(await post(port, '/alerts/detector', signed(harmless), harmless)).toMatchObject({
      status: 202,
      text: '{"tripped":false}',
    });
    expect(await delivered()).toMatchObject({ outcome: 'matched-none', source: 'detector' });
    expect(await post(port, '/alerts/prometheus', authorized, resolved)).toMatchObject({
      status: 202,
      text: '{"tripped":false}',
    });
    expect(gate.causes).toEqual([]);
  });

  test('sent twice trips twice; outside the tolerance it is refused', async () => {
    const clock = new ManualClock();
    const { port, gate, delivered } = await start({ clock });
    const headers = signed(destructive, { wall: clock.wallMs });
    for (const age of [0, 0, 300_000]) {
      clock.wallMs += age;
      expect((await post(port, '/alerts/detector', headers, destructive)).body).toMatchObject({ tripped: true });
      await delivered();
    }
    clock.wallMs += 1;
    expect(await post(port, '/alerts/detector', headers, destructive)).toMatchObject({ status: 401 });
    expect(await delivered()).toMatchObject({
      outcome: 'refused',
      detail: expect.stringContaining('signature is right'),
    });
    expect(gate.causes).toHaveLength(3);
  });

  test.each([
    ['no Content-Type', []],
    ['text/plain', [['content-type', 'text/plain; charset=utf-8']]],
    ['a form', [['content-type', 'application/x-www-form-urlencoded']]],
    ['CloudEvents', [['content-type', 'application/cloudevents+json']]],
    ['JSON', [['content-type', 'application/json']]],
    ['a Content-Type that is none', [['content-type', 'json']]],
    ['an empty Content-Type', [['content-type', '']]],
    [
      'two Content-Types',
      [
        ['content-type', 'a/b'],
        ['content-type', 'c'],
      ],
    ],
    [
      'a header __proto__',
      [
        ['__proto__', 'x'],
        ['__proto__', 'y'],
      ],
    ],
    ['chunks', [['transfer-encoding', 'chunked']]],
    ['Expect: 100-continue', [['expect', '100-continue']]],
    ['an encoding that is not understood', [['content-encoding', 'none']]],
  ] as const)('trips with %s', async (_, extra) => {
    const { port, gate } = await start();
    const headers = [...Object.entries(authorized), ...extra] as unknown as [string, string][];
    const chunked = extra.some(([name]) => name === 'transfer-encoding');
    const body = chunked ? `${firing.length.toString(16)}\r\n${firing.toString('latin1')}\r\n0\r\n\r\n` : firing;
    expect(await post(port, '/alerts/prometheus', headers, body)).toMatchObject({
      status: 202,
      body: { tripped: true },
    });
    expect(gate.causes).toMatchObject([{ rule: 'agent.destructive' }]);
  });

  test.each([
    [
      'a key __proto__',
      '{"__proto__":{"x":1},"constructor":{"prototype":1},"type":"agent.destructive"}',
      'detector.destructive',
    ],
    ['integers above 2^53', '{"n":5615590933959184469,"type":"agent.destructive"}', 'detector.destructive'],
    [
      '10,000 levels',
      `{"type":"agent.destructive","a":${'['.repeat(1900)}${']'.repeat(1900)}}`,
      'detector.destructive',
    ],
    ['no JSON', 'drop everything', undefined],
    ['nothing', '', undefined],
    ['invalid UTF-8', Buffer.from('eyJhIjoi/yJ9', 'base64'), undefined],
    ['no object', '"agent.destructive"', undefined],
  ])('trips with %s', async (_, body, rule) => {
    const { port, gate } = await start();
    expect((await post(port, '/alerts/detector', signed(body), body)).body).toMatchObject({ tripped: true });
    expect(gate.causes.map((cause) => cause.rule)).toEqual([rule]);
  });

  test('whose sender goes away in the middle goes by the policy', async () => {
    const { port, gate } = await start();
    const { socket } = speak(port, head('/alerts/prometheus', authorized, 3000), firing.subarray(0, 100));
    socket.end();
    expect(await until(() => gate.causes[0])).toMatchObject({ reason: expect.stringContaining('went away') });
  });

  test('that was signed and cut off is not authenticated', async () => {
    const { port, gate, delivered } = await start();
    const { socket } = speak(port, head('/alerts/detector', signed(destructive), 3000), destructive);
    socket.end();
    expect(await delivered()).toMatchObject({ outcome: 'refused' });
    expect(gate.causes).toEqual([]);
  });
});

describe('an oversize alert', () => {
  const maxBody = 2048;
  const padded = (size: number) => Buffer.from(JSON.stringify({ type: 'x' }).padEnd(size));

  test('with a token trips without being read', async () => {
    const { port, gate, delivered } = await start({ maxBody });
    // Only the head is sent, and not one byte of the body.
    const declared = speak(port, head('/alerts/prometheus', authorized, maxBody + 1));
    expect(await declared.answer).toMatchObject({ status: 202, body: { tripped: true } });
    expect(await delivered()).toMatchObject({
      outcome: 'tripped',
      detail: expect.stringContaining('larger'),
      bytes: 0,
    });
    const headers = { ...authorized, 'transfer-encoding': 'chunked' };
    const endless = speak(port, head('/alerts/prometheus', headers, 0), 'fff\r\n', padded(0xfff));
    expect(await endless.answer).toMatchObject({ status: 202, body: { tripped: true } });
    expect(gate.causes).toHaveLength(2);
  });

  test('reaches the answer of a sender who reads none before everything is sent', async () => {
    const { port, gate } = await start({ maxBody });
    const size = 8 << 20;
    const { socket, answer } = speak(port, head('/alerts/prometheus', authorized, size));
    socket.pause();
    await until(() => gate.causes.length === 1);
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.write(Buffer.alloc(size, 32), () => resolve());
    });
    socket.resume();
    expect(await answer).toMatchObject({ status: 202, body: { tripped: true } });
  });

  test('of exactly the limit is read', async () => {
    const { port, gate } = await start({ maxBody });
    const body = padded(maxBody);
    expect((await post(port, '/alerts/detector', signed(body), body)).text).toBe('{"tripped":false}');
    expect(gate.causes).toEqual([]);
  });

  test.each([maxBody + 1, 4 * maxBody])('of %i bytes and signed is hashed to its end, and trips', async (size) => {
    const { port, gate, delivered } = await start({ maxBody });
    const body = padded(size);
    expect((await post(port, '/alerts/detector', signed(body), body)).body).toMatchObject({ tripped: true });
    expect(await delivered()).toMatchObject({ outcome: 'tripped', bytes: size, digest: '' });
    expect(gate.causes).toHaveLength(1);
  });

  test('with a wrong signature does not trip', async () => {
    const { port, gate } = await start({ maxBody });
    const body = padded(maxBody * 2);
    expect(await post(port, '/alerts/detector', signed('x'), body)).toMatchObject({ status: 401 });
    expect(gate.causes).toEqual([]);
  });

  test('beyond the hard limit is 413 and leaves a record', async () => {
    const { port, gate, delivered } = await start({ maxBody });
    const size = 4 * maxBody + 1;
    const body = padded(size);
    const declared = speak(port, head('/alerts/detector', signed(body), size));
    expect(await declared.answer).toMatchObject({ status: 413, text: '{"status":"Payload Too Large"}' });
    expect(await delivered()).toMatchObject({
      outcome: 'refused',
      source: 'detector',
      detail: expect.stringContaining('may have been an alert'),
    });
    const headers = { ...signed(body), 'transfer-encoding': 'chunked' };
    const endless = speak(port, head('/alerts/detector', headers, 0), `${size.toString(16)}\r\n`, body);
    expect(await endless.answer).toMatchObject({ status: 413 });
    expect(gate.causes).toEqual([]);
  });
});

describe('a stranger', () => {
  const strangers: [string, string, Headers, string | Buffer][] = [
    ['no credentials', '/alerts/prometheus', {}, firing],
    ['a wrong token', '/alerts/prometheus', { authorization: `Bearer ${TOKEN}x` }, firing],
    ['the token of another source', '/alerts/detector', authorized, destructive],
    [
      'two Authorization headers',
      '/alerts/prometheus',
      [
        ['authorization', `Bearer ${TOKEN}`],
        ['Authorization', 'Bearer x'],
      ],
      firing,
    ],
    ['a signature of another body', '/alerts/detector', signed('{}'), destructive],
    [
      'a signature twice',
      '/alerts/detector',
      [...Object.entries(signed(destructive)), ...Object.entries(signed(destructive))] as [string, string][],
      destructive,
    ],
    ['a right token for no source', '/alerts/nobody', authorized, firing],
    ['a right signature for no source', '/alerts/nobody', signed(destructive), destructive],
    ['a source named __proto__', '/alerts/__proto__', authorized, firing],
    ['a source named constructor', '/alerts/constructor', authorized, firing],
    ['a heartbeat without credentials', '/heartbeat/prometheus', {}, ''],
  ];

  test.each(strangers)('with %s gets 401 and nothing else', async (_, path, headers, body) => {
    const { port, gate, delivered } = await start();
    const answer = await post(port, path, headers, body);
    expect(answer).toMatchObject({ status: 401, text: '{"status":"Unauthorized"}' });
    expect(await delivered()).toMatchObject({ outcome: 'refused', digest: '' });
    expect(gate.causes).toEqual([]);
  });

  test('cannot tell a source that exists from one that does not', async () => {
    const { port, delivered } = await start();
    const heads = [];
    for (const path of ['/alerts/prometheus', '/alerts/nobody']) {
      const { head, text } = await post(port, path, { authorization: 'Bearer x' }, '{}');
      heads.push([head.replace(/^date: .*$/im, ''), text]);
      await delivered();
    }
    expect(heads[0]).toEqual(heads[1]);
  });

  test('finds no source to try where none is configured', async () => {
    const { port } = await start({ sources: [] });
    expect(await post(port, '/alerts/prometheus', authorized, firing)).toMatchObject({ status: 401 });
  });

  test('who invents names leaves none of them in the record', async () => {
    const { port, delivered } = await start();
    await post(port, '/alerts/%3Cscript%3E', {}, '');
    expect(await delivered()).toMatchObject({ source: '(unknown)' });
  });

  test.each([
    ['/', 404],
    ['/alerts', 404],
    ['/alerts/', 401],
    ['/alerts/a/b', 404],
    ['/alerts/%zz', 404],
    [`/alerts/${'x'.repeat(500)}`, 404],
    ['/healthz', 404],
  ])('at %s gets %i without detail', async (path, status) => {
    const { port } = await start();
    const answer = await post(port, path, authorized, firing);
    expect(answer.status).toBe(status);
    expect(answer.text).not.toContain('x'.repeat(20));
    expect(Object.keys(answer.body)).toEqual(['status']);
  });

  test('who floods gets 429, costs no more records, and locks nobody out', async () => {
    const clock = new ManualClock();
    const { port, gate, deliveries } = await start({ clock });
    const flood = async (times: number) => {
      const statuses: number[] = [];
      for (let n = 0; n < times; n++) statuses.push((await post(port, '/alerts/prometheus', {}, '')).status);
      return statuses;
    };
    expect(await flood(30)).toEqual([...Array(10).fill(401), ...Array(20).fill(429)]);
    await until(() => deliveries.length === 10);
    expect((await post(port, '/alerts/prometheus', authorized, firing)).body).toMatchObject({ tripped: true });
    const signature = signed(destructive, { wall: clock.wallMs });
    expect((await post(port, '/alerts/detector', signature, destructive)).body).toMatchObject({ tripped: true });
    expect(gate.causes).toHaveLength(2);
    clock.advance(6_001);
    expect(await flood(2)).toEqual([401, 429]);
    await until(() => deliveries.length === 13);
    expect(deliveries[12]?.detail).toContain('20 more before it were not recorded');
  });

  test('who holds connections is pushed out by newer ones, and a sender in time is not', async () => {
    const { port, gate } = await start({ maxBody: 64 << 20 });
    const room = 16;
    const held = Array.from({ length: room }, () => speak(port, 'POST /alerts/prometheus HTTP/1.1\r\n'));
    // A sender who has authenticated and not finished: older than all that follow.
    const sender = speak(port, head('/alerts/prometheus', authorized, firing.length));
    expect(await held[0]?.answer).toMatchObject({ status: 0 });
    const more = Array.from({ length: 3 * room }, () => speak(port, 'POST /alerts/prometheus HTTP/1.1\r\n'));
    await Promise.all([...held, ...more.slice(0, 2 * room)].map(({ answer }) => answer));
    sender.socket.write(firing);
    expect((await sender.answer).body).toMatchObject({ tripped: true });
    expect(gate.causes).toHaveLength(1);
    for (const { socket } of more) socket.destroy();
  });
});

test('a flood from one address does not push out a sender at another', async () => {
  const { port, gate } = await start({ maxBody: 64 << 20 });
  const sender = createConnection({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
  sender.write(head('/alerts/detector', signed(destructive), destructive.length));
  const flood = Array.from({ length: 64 }, () => speak(port, 'POST /alerts/detector HTTP/1.1\r\n'));
  await Promise.all(flood.slice(0, 48).map(({ answer }) => answer));
  sender.write(destructive);
  expect(await until(() => gate.causes[0])).toMatchObject({ source: 'detector' });
  for (const socket of [sender, ...flood.map(({ socket }) => socket)]) socket.destroy();
});

describe('the gate', () => {
  test('that does not answer is 503', async () => {
    const { port, gate, delivered } = await start();
    gate.failure = new Error('gone');
    expect(await post(port, '/alerts/prometheus', authorized, firing)).toMatchObject({
      status: 503,
      text: '{"status":"Service Unavailable"}',
    });
    expect(await delivered()).toMatchObject({ outcome: 'failed', detail: expect.stringContaining('gone') });
  });

  test('whose latch is not durable is 503', async () => {
    const { port, gate, delivered } = await start();
    gate.durable = false;
    expect(await post(port, '/alerts/prometheus', authorized, firing)).toMatchObject({ status: 503 });
    expect(await delivered()).toMatchObject({ outcome: 'failed', latencyMs: expect.any(Number) });
  });

  test('is what healthz tells of', async () => {
    const { port, gate } = await start();
    const health = () => speak(port, 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n').answer;
    expect(await health()).toMatchObject({ status: 200 });
    gate.isConnected = false;
    expect(await health()).toMatchObject({ status: 503 });
  });

  test('hears that intake is alive only while it listens', async () => {
    const clock = new ManualClock();
    const gate = new FakeGate();
    const intake = createIntake({
      rules: [],
      agents: [],
      sources: [prometheus],
      maxBody: 1024,
      gate,
      clock,
      log: silentLog,
      record: () => {},
    });
    clock.advance(1000);
    expect(gate.renewals).toBe(0);
    await intake.start('127.0.0.1', 0);
    expect(gate.renewals).toBe(1);
    clock.advance(1000);
    expect(gate.renewals).toBe(6);
    const stopped = intake.stop();
    clock.advance(1000);
    await stopped;
    clock.advance(1000);
    expect(gate.renewals).toBe(6);
    await intake.stop();
    expect(clock.pending).toBe(0);
  });
});

describe('a heartbeat', () => {
  test('is authenticated and recorded and never trips', async () => {
    const { port, gate, delivered } = await start();
    expect(await post(port, '/heartbeat/prometheus', authorized, firing)).toMatchObject({
      status: 202,
      text: '{"tripped":false}',
    });
    expect(await delivered()).toMatchObject({ outcome: 'heartbeat', source: 'prometheus' });
    expect(await post(port, '/heartbeat/detector', signed(''), '')).toMatchObject({ status: 202 });
    expect(await delivered()).toMatchObject({ outcome: 'heartbeat', source: 'detector' });
    expect(await post(port, '/heartbeat/detector', signed('x'), '')).toMatchObject({ status: 401 });
    expect(gate.causes).toEqual([]);
  });
});

describe('bookkeeping', () => {
  test('comes after the trip and its answer, and may fail', async () => {
    const order: string[] = [];
    const { port, gate } = await start({
      record: (delivery) => {
        order.push(delivery.outcome);
        throw new Error('no space left');
      },
    });
    const trip = gate.trip.bind(gate);
    gate.trip = (cause) => {
      order.push('trip');
      return trip(cause);
    };
    for (let n = 0; n < 3; n++)
      expect(await post(port, '/alerts/prometheus', authorized, firing)).toMatchObject({ status: 202 });
    await until(() => order.length === 6);
    expect(order).toEqual(['trip', 'tripped', 'trip', 'tripped', 'trip', 'tripped']);
  });

  test('that blocks the whole process does not hold back the answer', async () => {
    const heard = new Int32Array(new SharedArrayBuffer(4));
    const waits: string[] = [];
    const { port } = await start({
      // Blocks this thread, and with it the server, until the sender in the other thread has its answer.
      record: () => void waits.push(Atomics.wait(heard, 0, 0, 20_000)),
    });
    const sender = new Worker(
      `const { workerData: { port, headers, body, heard } } = require('node:worker_threads');
       fetch('http://127.0.0.1:' + port + '/alerts/prometheus', { method: 'POST', headers, body })
         .then((answer) => answer.json())
         .then(({ tripped }) => { Atomics.store(heard, 0, tripped ? 1 : 2); Atomics.notify(heard, 0); });`,
      { eval: true, workerData: { port, headers: authorized, body: firing.toString(), heard } },
    );
    await until(() => waits.length === 1);
    await sender.terminate();
    expect(waits[0]).not.toBe('timed-out');
    expect(heard[0]).toBe(1);
  });
});

describe('starting and stopping', () => {
  const ports = () => ({
    sources: [prometheus],
    maxBody: 1024,
    gate: new FakeGate(),
    clock: systemClock,
    log: silentLog,
    rules: [],
    agents: [],
    record: () => {},
  });

  test('a taken port is said with its code', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const intake = createIntake(ports());
    await expect(intake.start('127.0.0.1', port)).rejects.toMatchObject({ code: 'intake.listen' });
    await intake.stop();
    await new Promise((resolve) => taken.close(resolve));
  });

  test('a rule that is neither shipped nor whole keeps intake from being made, and is named', () => {
    expect(() => createIntake({ ...ports(), rules: [{ id: 'no.such', act: 'off' }] })).toThrow(
      expect.objectContaining({ code: 'intake.rule', message: expect.stringContaining('no.such') }),
    );
  });

  test('a weak secret keeps intake from being made', () => {
    const weak = { ...prometheus, auth: { scheme: 'bearer' as const, secrets: [Secret.fromText('short')] } };
    expect(() => createIntake({ ...ports(), sources: [weak] })).toThrow(/prometheus has 5 characters/);
  });

  test('a rehearsal trips nothing and counts nothing', async () => {
    const often = {
      id: 'often',
      on: 'alert' as const,
      act: 'rate' as const,
      reason: 'Too much of anything.',
      when: { path: [], op: 'exists' as const },
      rate: { count: 2, within: '1d' },
    };
    const { deliveries, gate, rehearse, port } = await start({ sources: [{ ...detector, rules: [often] }] });
    for (let times = 0; times < 3; times++) rehearse();
    expect(gate.causes).toEqual([]);
    expect(deliveries).toEqual([]);
    const send = (body: string) => post(port, '/alerts/detector', signed(body), body);
    expect((await send('{"a":1}')).body).toMatchObject({ tripped: false });
    expect((await send('{"a":2}')).body).toMatchObject({ tripped: true });
  });

  test('no reason is so long that the gate would cut intake off', async () => {
    const long = {
      id: 'long',
      on: 'alert' as const,
      act: 'trip' as const,
      reason: 'x'.repeat(5000),
      when: { path: [], op: 'exists' as const },
    };
    const { gate, port, delivered } = await start({ sources: [{ ...detector, rules: [long] }] });
    expect((await post(port, '/alerts/detector', signed('{}'), '{}')).body).toMatchObject({ tripped: true });
    expect(() => tripRequest({ type: 'trip', id: 1, cause: gate.causes[0] })).not.toThrow();
    expect((await delivered()).detail.length).toBeLessThanOrEqual(500);
  });

  test('stop works before start and twice', async () => {
    const intake = createIntake(ports());
    await intake.stop();
    await intake.start('127.0.0.1', 0);
    await intake.stop();
    await intake.stop();
  });

  test('stop ends strangers whose turn has not come', async () => {
    const { port, stop } = await start();
    const strangers = Array.from({ length: 200 }, () => speak(port, 'POST /alerts/detector HTTP/1.1\r\n'));
    // The server accepts one a turn, and begins with none while more are at the door.
    for (let turns = 0; turns < 25; turns++) await new Promise((resolve) => setImmediate(resolve));
    let ended = 0;
    for (const { socket } of strangers) socket.on('close', () => ended++);
    const stopped = stop();
    // At once, and not when the server loses patience with them.
    for (let turns = 0; turns < 5000 && ended < strangers.length; turns++)
      await new Promise((resolve) => setImmediate(resolve));
    expect(ended).toBe(strangers.length);
    await stopped;
  });

  test('stop ends strangers and answers senders', async () => {
    const { port, gate, stop } = await start();
    let release = () => {};
    gate.trip = () =>
      new Promise((resolve) => {
        release = () => resolve({ commandedAt: systemClock.monotonic(), durable: true });
        gate.causes.push({ kind: 'alert', reason: 'held' });
      });
    const stranger = speak(port, 'POST /alerts/detector HTTP/1.1\r\n');
    const sender = post(port, '/alerts/prometheus', authorized, firing);
    await until(() => gate.causes.length === 1);
    const stopped = stop();
    expect(await stranger.answer).toMatchObject({ status: 0 });
    release();
    expect(await sender).toMatchObject({ status: 202, body: { tripped: true } });
    await stopped;
  });
});
