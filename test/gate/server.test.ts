import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAX_LINE } from '../../daemon/base/lines.ts';
import { silentLog } from '../../daemon/base/log.ts';
import { adminAnswer, type GateRecord, leaseAnswer, tripAnswer } from '../../daemon/base/protocol.ts';
import { GateServer } from '../../daemon/gate/server.ts';
import { Client } from './clients.ts';
import { CONFIG, GateRig, LIMITS, until } from './rig.ts';

let rig: GateRig;
let server: GateServer;
let run: string;
const clients: Client[] = [];

beforeEach(async () => {
  rig = await GateRig.create();
  run = join(rig.folder, 'run');
  await mkdir(run);
  server = new GateServer(rig.gate, run, silentLog);
  server.watch();
  rig.keeperRenews = false;
  rig.intakeAlive = false;
  await rig.start();
  await server.start();
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server.stop();
  await rig.dispose();
});

async function open(name: string): Promise<Client> {
  const client = await Client.open(run, name);
  clients.push(client);
  return client;
}

/** A keeper over the wire that has reported, beside an intake that has said it lives. */
async function openKeeper(): Promise<{ keeper: Client; intake: Client; boot: string }> {
  const intake = await open('trip');
  intake.send({ type: 'alive' });
  const keeper = await open('lease');
  const boot = String((await keeper.next('hello'))['boot']);
  keeper.send({ type: 'report', clockTrusted: true, blocks: [], attention: [], proofs: {} });
  await until(() => rig.gate.view.interlocks.every(({ ok }) => ok));
  return { keeper, intake, boot };
}

async function connected(): Promise<{ keeper: Client; intake: Client; boot: string }> {
  const opened = await openKeeper();
  opened.keeper.send({ type: 'connect', id: 1, boot: opened.boot, purpose: 'test', seconds: 30 });
  await until(() => rig.board.energised);
  rig.clock.advance(50);
  await opened.keeper.next('connected');
  return opened;
}

const cause = { kind: 'alert', reason: 'test' };
const trip = { type: 'trip', id: 1, cause };
const connect = { type: 'connect', id: 1, boot: 'x', purpose: 'test', seconds: 1 };
const verbs: Record<string, unknown> = {
  trip,
  alive: { type: 'alive' },
  connect,
  renew: { type: 'renew', boot: 'x' },
  release: { type: 'release', boot: 'x', reason: 'test' },
  report: { type: 'report', clockTrusted: true, blocks: [], attention: [], proofs: {} },
  recorded: { type: 'recorded', boot: 'x', seq: 1 },
  request: { type: 'request', id: 1, verb: 'reset', reason: 'test' },
  cancel: { type: 'cancel', id: 1 },
  watch: { type: 'watch' },
  apply: { type: 'apply', id: 1 },
};
const permitted: Record<string, readonly string[]> = {
  trip: ['trip', 'alive'],
  lease: ['connect', 'renew', 'release', 'report', 'recorded'],
  admin: ['request', 'cancel', 'watch', 'apply'],
};

describe('which socket it is is the permission', () => {
  for (const [socket, own] of Object.entries(permitted)) {
    for (const verb of Object.keys(verbs).filter((each) => !own.includes(each))) {
      it(`${verb} on ${socket} cuts the client off and changes nothing`, async () => {
        const before = JSON.stringify(rig.gate.view);
        const client = await open(socket);
        client.send(verbs[verb]);
        await client.cutOff();
        expect(JSON.stringify(rig.gate.view)).toBe(before);
      });
    }
  }

  it.each(['trip', 'lease', 'admin'])(
    'nonsense and oversize on %s cut the client off and change nothing',
    async (name) => {
      const before = JSON.stringify(rig.gate.view);
      for (const bytes of [
        'nonsense\n',
        '\n',
        'null\n',
        '[]\n',
        '{"type":"trip"}\n',
        '{"type":"__proto__"}\n',
        `{"type":"trip","id":1,"cause":{"kind":"alert","reason":"${'x'.repeat(501)}"}}\n`,
        Buffer.from([0xff, 0xfe, 0x0a]),
        'x'.repeat(MAX_LINE + 1),
      ]) {
        const client = await open(name);
        client.socket.write(bytes);
        await client.cutOff();
      }
      expect(JSON.stringify(rig.gate.view)).toBe(before);
    },
  );
});

describe('the trip socket', () => {
  it('answers with the time of the command once the latch is durable', async () => {
    const client = await open('trip');
    client.send(trip);
    const answer = tripAnswer(await client.next('tripped'));
    expect(answer).toMatchObject({ id: 1, durable: true });
    expect(answer.commandedAt).toBe(rig.clock.monotonic());
    expect(await rig.latchOnDisk()).toMatchObject({ state: 'lockout' });
    client.send({ ...trip, id: 2 });
    expect(await client.next('tripped', 2)).toMatchObject({ id: 2, durable: true, commandedAt: rig.clock.monotonic() });
  });

  it('is not delayed by 200 clients that stand still', async () => {
    await connected();
    for (let index = 0; index < 200; index += 1) {
      const stalled = await open(['trip', 'admin'][index % 2] ?? '');
      stalled.socket.pause();
      if (index % 2 === 1) stalled.send({ type: 'watch' });
      else stalled.socket.write('{"type":');
    }
    const client = await open('trip');
    client.send(trip);
    expect(await client.next('tripped')).toMatchObject({ durable: true });
    expect(rig.board.energised).toBe(false);
  });

  it('of an intake that goes away isolates at once, and of anybody else does not', async () => {
    const { intake } = await connected();
    const other = await open('trip');
    other.close();
    await until(() => other.closed);
    await new Promise((resolve) => setImmediate(resolve));
    expect(rig.board.energised).toBe(true);
    intake.close();
    await until(() => !rig.board.energised);
    expect(rig.gate.view.latch.kind).toBe('clear');
  });

  it('with the longest reason there may be leaves a view, and answers, that everybody can read', async () => {
    const { keeper } = await connected();
    const admin = await open('admin');
    admin.send({ type: 'watch' });
    const client = await open('trip');
    client.send({ ...trip, cause: { kind: 'alert', reason: 'x'.repeat(500) } });
    await client.next('tripped');
    keeper.send({ type: 'connect', id: 2, boot: String(rig.gate.boot), purpose: 'test', seconds: 1 });
    admin.send({ type: 'request', id: 1, verb: 'connect', reason: 'test', seconds: 1 });
    await keeper.next('refused');
    await admin.next('denied');
    for (const message of keeper.received) expect(() => leaseAnswer(message)).not.toThrow();
    for (const message of admin.received) expect(() => adminAnswer(message)).not.toThrow();
  });
});

describe('the lease socket', () => {
  it('turns a second keeper away and keeps the first', async () => {
    const { keeper } = await connected();
    const second = await open('lease');
    await second.cutOff();
    expect(second.received).toEqual([]);
    expect(rig.board.energised).toBe(true);
    expect(keeper.closed).toBe(false);
  });

  it('cuts off who speaks to another boot of the gate, and isolates', async () => {
    const { keeper } = await connected();
    keeper.send({ type: 'renew', boot: 'another' });
    await keeper.cutOff();
    await until(() => !rig.board.energised);
    expect(rig.gate.view.latch.kind).toBe('clear');
  });

  it('isolates at once when the keeper goes, and lets the next one connect', async () => {
    const { keeper } = await connected();
    keeper.close();
    await until(() => !rig.board.energised);
    rig.clock.advance(1000);
    await connected();
  });

  it('sends records again after every reconnect until they are confirmed', async () => {
    const first = await openKeeper();
    const boot = first.boot;
    const client = await open('trip');
    client.send(trip);
    await client.next('tripped');
    await until(() => first.keeper.of('record').length >= 2);
    const told = first.keeper.of('record').map(({ record }) => record as GateRecord);
    first.keeper.close();
    await first.keeper.cutOff();
    const second = await open('lease');
    await until(() => second.of('record').length >= told.length);
    expect(second.of('record').map(({ record }) => record)).toEqual(told);
    expect(told.map(({ seq }) => seq)).toEqual(told.map((_, index) => index + 1));
    second.send({ type: 'recorded', boot, seq: told.at(-2)?.seq });
    second.send({ type: 'report', clockTrusted: true, blocks: [], attention: [], proofs: {} });
    await until(() => rig.gate.view.interlocks.some(({ name, ok }) => name === 'keeper' && ok));
    second.close();
    await second.cutOff();
    const third = await open('lease');
    await third.next('record');
    expect(third.of('record').map(({ record }) => (record as GateRecord).seq)).toEqual([told.at(-1)?.seq]);
  });

  it('hands ten thousand records over to a keeper that confirms them, without taking it for one that does not read', async () => {
    for (let index = 0; index < 12_000; index += 1)
      rig.gate.dispatch({ type: 'trip', cause: { kind: 'alert', reason: `${index} ${'x'.repeat(450)}` } });
    const keeper = await open('lease');
    const boot = String((await keeper.next('hello'))['boot']);
    let confirmed = 0;
    const seqs: number[] = [];
    await until(() => {
      for (const { record } of keeper.of('record').slice(confirmed)) {
        const { seq } = record as GateRecord;
        seqs.push(seq);
        keeper.send({ type: 'recorded', boot, seq });
        confirmed += 1;
      }
      return confirmed === 10_000 || keeper.closed;
    });
    expect(keeper.closed).toBe(false);
    expect(new Set(seqs).size).toBe(10_000);
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
  });

  it('of a keeper that renews but does not read is cut off, and the relay drops', async () => {
    const { keeper, boot } = await connected();
    keeper.socket.pause();
    // Each is refused, at length, while a connection is up.
    let asked = 0;
    await until(() => {
      for (let index = 0; index < 20; index += 1) {
        asked += 1;
        keeper.send({ type: 'connect', id: asked, boot, purpose: 'again', seconds: 1 });
        keeper.send({ type: 'renew', boot });
      }
      return !rig.board.energised || asked > 200_000;
    });
    expect(rig.board.energised).toBe(false);
    expect(rig.gate.view.latch.kind).toBe('clear');
    keeper.socket.resume();
    await keeper.cutOff();
  });
});

describe('the admin socket', () => {
  it('announces a request, and a press approves it once', async () => {
    const client = await open('trip');
    client.send(trip);
    await client.next('tripped');
    const admin = await open('admin');
    admin.send({ type: 'request', id: 7, verb: 'reset', reason: 'test' });
    expect(await admin.next('pending')).toMatchObject({ id: 7 });
    expect(rig.gate.view.led).toBe('double-blink-blue');
    rig.gate.dispatch({ type: 'press' });
    rig.gate.dispatch({ type: 'firm' });
    expect(await admin.next('approved')).toMatchObject({ id: 7 });
    await until(() => rig.gate.view.latch.kind === 'clear');
    expect(rig.board.energised).toBe(false);
  });

  it('withdraws a request with its connection, and with cancel', async () => {
    const gone = await open('admin');
    gone.send({ type: 'request', id: 1, verb: 'connect', reason: 'test', seconds: 1 });
    await gone.next('pending');
    gone.close();
    await until(() => rig.gate.view.presence.kind === 'none');
    const admin = await open('admin');
    for (let id = 1; id <= 20; id += 1) {
      admin.send({ type: 'request', id, verb: 'connect', reason: 'test', seconds: 1 });
      await admin.next('pending', id);
      admin.send({ type: 'cancel', id });
      await until(() => rig.gate.view.presence.kind === 'none');
    }
    rig.gate.dispatch({ type: 'press' });
    rig.gate.dispatch({ type: 'firm' });
    expect(rig.gate.view.presence.kind).toBe('none');
  });

  it('cancels both of two requests, from whatever connection they come', async () => {
    const [first, second] = [await open('admin'), await open('admin')];
    first.send({ type: 'request', id: 1, verb: 'connect', reason: 'one', seconds: 1 });
    await first.next('pending');
    second.send({ type: 'request', id: 2, verb: 'connect', reason: 'two', seconds: 1 });
    expect(await first.next('denied')).toMatchObject({ id: 1 });
    expect(await second.next('denied')).toMatchObject({ id: 2 });
    expect(rig.gate.view.presence.kind).toBe('none');
  });

  it('tells a waiting request that a hold has reset the latch meanwhile', async () => {
    const client = await open('trip');
    client.send(trip);
    await client.next('tripped');
    rig.gate.dispatch({ type: 'press' });
    const admin = await open('admin');
    admin.send({ type: 'request', id: 1, verb: 'reset', reason: 'test' });
    await admin.next('pending');
    rig.gate.dispatch({ type: 'unpress', heldMs: 6000 });
    expect(await admin.next('denied')).toMatchObject({ id: 1 });
    await until(() => rig.gate.view.latch.kind === 'clear');
  });

  it('applies what narrows at once, and tells the keeper how long a lease is now', async () => {
    const { keeper } = await openKeeper();
    expect(keeper.of('hello')).toEqual([{ type: 'hello', boot: rig.gate.boot, ttlMs: 1000 }]);
    rig.proposal = async () => ({ ...CONFIG, limits: { ...LIMITS, leaseMs: 400, intakeLeaseMs: 300 } });
    const admin = await open('admin');
    admin.send({ type: 'apply', id: 3 });
    expect(await admin.next('approved')).toMatchObject({ id: 3 });
    expect(await keeper.next('hello', 2)).toMatchObject({ boot: rig.gate.boot, ttlMs: 400 });
    expect((await rig.files.readAccepted())?.limits.leaseMs).toBe(400);
    const ok = (name: string) => rig.gate.view.interlocks.find((each) => each.name === name)?.ok;
    expect(ok('intake')).toBe(true);
    rig.clock.advance(350);
    expect(ok('intake')).toBe(false);
    const intake = await open('trip');
    intake.send({ type: 'alive' });
    await until(() => ok('intake') === true);
    rig.clock.advance(350);
    expect(ok('intake')).toBe(false);
  });

  it('announces what widens, and a press brings it into force', async () => {
    rig.proposal = async () => ({ ...CONFIG, limits: { ...LIMITS, leaseMs: 2000 } });
    const keeper = await open('lease');
    const admin = await open('admin');
    admin.send({ type: 'watch' });
    admin.send({ type: 'apply', id: 3 });
    expect(await admin.next('pending')).toMatchObject({ id: 3, until: rig.clock.monotonic() + LIMITS.presenceMs });
    // What waits is known to whoever watches before the press is asked for.
    const asked = admin.received.findIndex(({ type }) => type === 'pending');
    const shown = admin.received.slice(0, asked).findLast(({ type }) => type === 'view');
    expect(shown?.['view']).toMatchObject({ waiting: ['gate.lease rises from 1s to 2s.'] });
    expect(rig.gate.view.presence).toMatchObject({ kind: 'pending', verb: 'apply' });
    rig.press();
    expect(await admin.next('approved')).toMatchObject({ id: 3 });
    expect(await keeper.next('hello', 2)).toMatchObject({ ttlMs: 2000 });
    expect(rig.gate.view.waiting).toBeUndefined();
    for (const message of admin.received) expect(() => adminAnswer(message)).not.toThrow();
  });

  it('withdraws what is to be applied with its connection, and with cancel, though it is still being read', async () => {
    let read: (() => void) | undefined;
    rig.proposal = () =>
      new Promise((resolve) => {
        read = () => resolve({ ...CONFIG, limits: { ...LIMITS, leaseMs: 2000 } });
      });
    const admin = await open('admin');
    admin.send({ type: 'apply', id: 1 });
    await until(() => read !== undefined);
    admin.send({ type: 'cancel', id: 1 });
    admin.send({ type: 'watch' });
    await admin.next('view');
    read?.();
    await new Promise((resolve) => setImmediate(resolve));
    expect(rig.gate.view.presence.kind).toBe('none');

    rig.proposal = async () => ({ ...CONFIG, limits: { ...LIMITS, leaseMs: 2000 } });
    const gone = await open('admin');
    gone.send({ type: 'apply', id: 1 });
    await gone.next('pending');
    gone.close();
    await until(() => rig.gate.view.presence.kind === 'none');
    rig.press();
    expect(rig.gate.limits.leaseMs).toBe(1000);
    expect(rig.gate.view.waiting).toEqual(['gate.lease rises from 1s to 2s.']);
  });
});
