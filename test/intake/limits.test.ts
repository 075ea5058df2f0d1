import { createConnection, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  authorized,
  type Bench,
  bench,
  detector,
  head,
  post,
  prometheus,
  sample,
  signed,
  speak,
  until,
} from './helpers.ts';

const firing = sample('alertmanager-v4-agent-destructive-firing.json');
const MAX_BODY = 1 << 20;

let intake: Bench;
beforeAll(async () => {
  intake = await bench({
    maxBody: MAX_BODY,
    sources: [prometheus, detector, { ...detector, name: 'lenient', unknown: 'ignore' }],
  });
});
afterAll(() => intake.stop());

/** The next real alert is not missed, whatever came before it. */
async function tripsStill(): Promise<void> {
  intake.gate.causes.length = 0;
  expect((await post(intake.port, '/alerts/prometheus', authorized, firing)).body).toMatchObject({ tripped: true });
  expect(intake.gate.causes).toMatchObject([{ rule: 'agent.destructive' }]);
}

const megabytes = () => Math.round(process.memoryUsage.rss() / (1 << 20));
const tell = (text: string) => process.stderr.write(`${text}\n`);

test('the proof counts wherever in the head it stands', async () => {
  const many = Array.from({ length: 3_000 }, (_, n) => [`${n % 10}`, ''] as const);
  const headers = [...many, ...Object.entries(authorized)] as [string, string][];
  expect((await post(intake.port, '/alerts/prometheus', headers, firing)).body).toMatchObject({ tripped: true });
  // And a second one is one too many, however far behind.
  const twice = [...Object.entries(authorized), ...many, ...Object.entries(authorized)] as [string, string][];
  expect(await post(intake.port, '/alerts/prometheus', twice, firing)).toMatchObject({ status: 401 });
});

const PROOF = `authorization: ${authorized.authorization}\r\n`;
test.each([
  ['one header', `POST /alerts/prometheus HTTP/1.1\r\nhost: x\r\n${PROOF}x: ${'x'.repeat(MAX_BODY)}`],
  ['many headers', `POST /alerts/prometheus HTTP/1.1\r\nhost: x\r\n${PROOF}${'x: y\r\n'.repeat(MAX_BODY / 6)}`],
  ['its first line', `POST /alerts/${'x'.repeat(MAX_BODY)}`],
])('a head of a megabyte, in %s, is given up at its limit, and nobody has to end it', async (_, sent) => {
  expect([431, 0]).toContain((await speak(intake.port, sent).answer).status);
  await tripsStill();
});

test.each([
  ['arrays', '[', ']'],
  ['objects', '{"a":', '}'],
  ['arrays that never end', '[', ''],
  ['arrays in a field', '{"type":"x","a":[', ']}'],
])('%s nested 100,000 deep, authenticated, are answered', async (_, open, close) => {
  const depth = 100_000;
  const body = `${open.repeat(depth)}1${close.repeat(depth)}`;
  for (const source of ['detector', 'lenient']) {
    const answer = await post(intake.port, `/alerts/${source}`, signed(body), body);
    expect([source, answer.status, typeof answer.body['tripped']]).toEqual([source, 202, 'boolean']);
    if (source === 'detector') expect(answer.body['tripped']).toBe(true);
  }
  expect(await post(intake.port, '/alerts/prometheus', authorized, body)).toMatchObject({ body: { tripped: true } });
  expect(await post(intake.port, '/alerts/detector', signed('x'), body)).toMatchObject({ status: 401 });
  await tripsStill();
});

test('a body that is compressed is not unpacked: authenticated it goes by the policy', async () => {
  const bomb = gzipSync(Buffer.alloc(64 << 20));
  expect(bomb.length).toBeLessThan(MAX_BODY);
  const before = megabytes();
  for (const encoding of ['gzip', 'deflate', 'br', 'gzip, gzip']) {
    const headers = { ...signed(bomb), 'content-encoding': encoding };
    expect((await post(intake.port, '/alerts/detector', headers, bomb)).body).toMatchObject({ tripped: true });
    expect((await post(intake.port, '/alerts/lenient', headers, bomb)).body).toMatchObject({ tripped: false });
    const stranger = await post(intake.port, '/alerts/detector', { 'content-encoding': encoding }, bomb);
    expect([401, 429]).toContain(stranger.status);
  }
  // An alert that is small enough to be read, if only somebody unpacked it.
  const small = gzipSync(firing);
  const headers = { ...authorized, 'content-encoding': 'gzip' };
  expect((await post(intake.port, '/alerts/prometheus', headers, small)).body).toMatchObject({ tripped: true });
  tell(`gzip bombs of 64 MiB: RSS ${before} → ${megabytes()} MiB`);
  await tripsStill();
});

test('10,000 connections that stay open: an alert from elsewhere trips, and few of them are left', async () => {
  const before = megabytes();
  const sockets: Socket[] = [];
  let open = 0;
  let most = before;
  for (let opened = 0; opened < 10_000; opened += 250) {
    const batch = Array.from({ length: 250 }, () => createConnection(intake.port, '127.0.0.1'));
    for (const socket of batch) {
      socket.on('error', () => {});
      socket.once('connect', () => open++);
      socket.once('close', () => open--);
      socket.write('POST /alerts/prometheus HTTP/1.1\r\nhost: x\r\nx: ');
    }
    sockets.push(...batch);
    await until(() => batch.every(({ connecting }) => !connecting));
    most = Math.max(most, megabytes());
  }
  intake.gate.causes.length = 0;
  const sender = createConnection({ port: intake.port, host: '127.0.0.1', localAddress: '127.0.0.2' });
  sender.write(head('/alerts/prometheus', authorized, firing.length));
  sender.write(firing);
  expect(await until(() => intake.gate.causes[0])).toMatchObject({ rule: 'agent.destructive' });
  // Those that wait for their turn, and those that have had it.
  await until(() => open <= 1024 + 256);
  tell(`10,000 connections, both ends in one process: RSS ${before} → ${most} MiB, ${open} left open`);
  for (const socket of [sender, ...sockets]) socket.destroy();
  await tripsStill();
}, 120_000);
