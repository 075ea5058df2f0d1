import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Bench, bench, detector, prometheus, speak } from './helpers.ts';

let intake: Bench;
beforeAll(async () => {
  intake = await bench({
    sources: [
      prometheus,
      { ...detector, name: 'splunk', auth: { scheme: 'secret-path', secrets: [] } },
      { ...detector, name: 'events', format: 'cloudevents' },
    ],
  });
});
afterAll(() => intake.stop());

const ask = (path: string, headers = 'WebHook-Request-Origin: eventgrid.azure.net\r\n') =>
  speak(intake.port, `OPTIONS ${path} HTTP/1.1\r\nhost: x\r\n${headers}\r\n`).answer;

test('a sender of CloudEvents is told that it may post', async () => {
  const { status, head } = await ask('/alerts/events');
  expect(status).toBe(200);
  expect(head).toMatch(/^webhook-allowed-origin: \*$/im);
  expect(head).toMatch(/^webhook-allowed-rate: \*$/im);
  expect(head).toMatch(/^allow: POST$/im);
});

test('the answer does not tell which sources there are', async () => {
  const [known, other, path] = await Promise.all(
    ['/alerts/events', '/alerts/nothing', '/alerts/splunk/guess'].map((at) => ask(at)),
  );
  const plain = (head = '') => head.replace(/^date: .*$/im, '');
  expect(plain(other?.head)).toBe(plain(known?.head));
  expect(plain(path?.head)).toBe(plain(known?.head));
});

test('whoever does not ask so is told nothing', async () => {
  expect((await ask('/alerts/events', '')).status).toBe(404);
  expect((await ask('/heartbeat/events')).status).toBe(404);
  expect((await ask('/')).status).toBe(404);
});

test('asking is no proof: an alert after it is refused all the same', async () => {
  await ask('/alerts/events');
  const { status } = await speak(
    intake.port,
    'POST /alerts/events HTTP/1.1\r\nhost: x\r\nwebhook-request-origin: eventgrid.azure.net\r\ncontent-length: 2\r\n\r\n{}',
  ).answer;
  expect(status).toBe(401);
  expect(intake.gate.causes).toEqual([]);
});
