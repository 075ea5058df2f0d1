import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { authorized, type Bench, bench, head, post, signed, speak, TOKEN } from './helpers.ts';

const runs = { seed: 20260425, numRuns: 300 };
let intake: Bench;
beforeAll(async () => {
  intake = await bench({ maxBody: 2048 });
});
afterAll(() => intake.stop());

const path = fc.oneof(
  fc.constantFrom('/alerts/prometheus', '/alerts/detector', '/heartbeat/detector', '/alerts/x', '/healthz', '/alerts/'),
  fc.webPath(),
  fc.string({ unit: fc.constantFrom('/', '%', '.', 'a', '\u0000', ' ', '_', '?', '#'), maxLength: 12 }),
);
const name = fc.oneof(
  fc.constantFrom(
    'authorization',
    'webhook-id',
    'webhook-timestamp',
    'webhook-signature',
    'content-type',
    'content-length',
    'transfer-encoding',
    'connection',
    'upgrade',
    'expect',
    '__proto__',
  ),
  fc.string({ maxLength: 8 }),
);
const value = fc.oneof(
  fc.constantFrom(
    'Bearer ',
    `bearer ${TOKEN.slice(1)}`,
    `Basic ${TOKEN}`,
    'chunked',
    'close',
    '100-continue',
    '0',
    '-1',
    '9999999999999999999',
    `v1,${Buffer.alloc(32).toString('base64')}`,
    'v1, v1,',
    String(Math.floor(Date.now() / 1000)),
  ),
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
);
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.uint8Array({ minLength: 2000, maxLength: 9000, size: 'max' }),
  fc.json().map((text) => Buffer.from(text)),
);

test('a stranger never trips and never stops the server, whatever he sends', async () => {
  const request = fc.record({ path, headers: fc.array(fc.tuple(name, value), { maxLength: 8 }), body: bytes });
  await fc.assert(
    fc.asyncProperty(request, async ({ path: at, headers, body }) => {
      const { socket, answer } = speak(intake.port, head(at, headers, body.length), body);
      socket.end();
      const { status } = await answer;
      expect([0, 400, 401, 404, 408, 413, 417, 429, 431]).toContain(status);
      expect(intake.gate.causes).toEqual([]);
      expect(await speak(intake.port, 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n').answer).toMatchObject({
        status: 200,
      });
    }),
    runs,
  );
});

/** What the rule of `detector` says about a body, by other means. */
function shouldTrip(body: Uint8Array): boolean {
  if (body.length > 2048) return true;
  let read: unknown;
  try {
    read = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return true;
  }
  const items = Array.isArray(read) ? read : [read];
  if (items.some((item) => item === null || typeof item !== 'object' || Array.isArray(item))) return true;
  return items.some((item) => typeof item.type === 'string' && item.type.startsWith('agent.destructive'));
}

test('an authenticated alert is always answered, and trips exactly when it should', async () => {
  const type = fc.constantFrom('agent.destructive', 'agent.destructive.x', 'agent', '', 5, null);
  const event = fc.oneof(
    fc.record({ type, data: fc.jsonValue() }, { requiredKeys: [] }),
    fc.array(fc.record({ type }), { maxLength: 3 }),
    fc.jsonValue(),
  );
  const body = fc.oneof(
    bytes,
    event.map((json) => Buffer.from(JSON.stringify(json))),
  );
  let tripped = 0;
  await fc.assert(
    fc.asyncProperty(body, async (sent) => {
      const wanted = shouldTrip(sent);
      const answer = await post(intake.port, '/alerts/detector', signed(sent), sent);
      if (sent.length > 4 * 2048) {
        expect([413, 429]).toContain(answer.status);
        return;
      }
      expect(answer).toMatchObject({ status: 202, body: { tripped: wanted } });
      if (wanted) tripped++;
      expect(intake.gate.causes).toHaveLength(tripped);
      // Alertmanager's format, same body: nothing but its own shape is understood.
      intake.gate.causes.length = 0;
      const other = await post(intake.port, '/alerts/prometheus', authorized, sent);
      expect(other).toMatchObject({ status: 202, body: { tripped: true } });
      intake.gate.causes.length = tripped;
    }),
    runs,
  );
  expect(tripped).toBeGreaterThan(50);
  expect(tripped).toBeLessThan(250);
});
