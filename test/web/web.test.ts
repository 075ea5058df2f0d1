import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { beforeEach, describe, expect, test } from 'vitest';
import { PortcullisError } from '../../daemon/base/errors.ts';
import { EventStream } from '../../daemon/web/events.ts';
import { buildApp, createWeb } from '../../daemon/web/web.ts';
import { FakeAppliance, later, servedAppliance } from './helpers.ts';

let appliance: FakeAppliance;
let app: FastifyInstance;

beforeEach(async () => {
  appliance = new FakeAppliance();
  app = await buildApp(appliance, new EventStream(appliance.status, appliance.clock));
  later(() => app.close());
});

const HOST = { host: '127.0.0.1:8640' };
/** What the page itself sends. */
const TRIP = {
  method: 'POST',
  url: '/api/v1/trip',
  headers: {
    ...HOST,
    'content-type': 'application/json',
    'x-portcullis': 'page',
    origin: 'http://127.0.0.1:8640',
    'sec-fetch-site': 'same-origin',
  },
  payload: '{}',
} as const satisfies InjectOptions;

const get = (url: string, headers: Record<string, string> = {}) =>
  app.inject({ url, headers: { ...HOST, ...headers } });

describe('reading', () => {
  test('the page and its assets, with nothing inline and nothing from elsewhere', async () => {
    const page = await get('/');
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.body).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=/);
    const links = [...page.body.matchAll(/(?:src|href)="(\/[^"]*)"/g)].map((match) => match[1] ?? '');
    expect(links.length).toBeGreaterThanOrEqual(3);
    expect(page.body).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    for (const link of links) expect((await get(link)).statusCode, link).toBe(200);
    const script = await get('/page.js');
    expect(script.headers['content-type']).toBe('text/javascript; charset=utf-8');
    for (const [, module] of script.body.matchAll(/from '\.(\/[^']+)'/g))
      expect((await get(module ?? '')).statusCode).toBe(200);
  });

  test('every answer carries the security headers', async () => {
    for (const url of ['/', '/page.js', '/api/v1/status', '/metrics', '/healthz', '/nothing-here']) {
      const { headers } = await get(url);
      expect(headers['content-security-policy'], url).toContain("default-src 'self'");
      expect(headers['content-security-policy'], url).not.toContain('unsafe');
      expect(headers['x-content-type-options'], url).toBe('nosniff');
      expect(headers['x-frame-options'], url).toBe('DENY');
      expect(headers['referrer-policy'], url).toBe('no-referrer');
      expect(headers['cross-origin-resource-policy'], url).toBe('same-origin');
      expect(headers['access-control-allow-origin'], url).toBeUndefined();
    }
  });

  test('the status as the keeper gives it', async () => {
    expect((await get('/api/v1/status')).json()).toEqual(appliance.current);
  });

  test('the ledger in pages, until there is no next', async () => {
    const seen: number[] = [];
    let url = '/api/v1/ledger';
    for (;;) {
      const { entries, next } = (await get(url)).json();
      seen.push(...entries.map(({ seq }: { seq: number }) => seq));
      if (next === undefined) break;
      url = `/api/v1/ledger?before=${next}`;
    }
    expect(seen).toEqual(appliance.entries.map(({ seq }) => seq));
    expect((await get('/api/v1/ledger?type=nothing.such')).json()).toEqual({ entries: [] });
  });

  test.each(['limit=0', 'limit=501', 'before=0', 'before=x', 'type=A%20B', 'color=red', 'limit=5&limit=6'])(
    'a ledger query with %s is a problem, not a guess',
    async (query) => {
      const answer = await get(`/api/v1/ledger?${query}`);
      expect(answer.statusCode).toBe(400);
      expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
      expect(answer.json()).toMatchObject({ status: 400, code: 'web.request', remedy: expect.any(String) });
    },
  );

  test('a ledger that cannot be read is told with its code; an unforeseen failure tells nothing of itself', async () => {
    appliance.ledger.page = () => Promise.reject(new PortcullisError('ledger.damaged', 'Entry 7 is not JSON.'));
    expect((await get('/api/v1/ledger')).json()).toMatchObject({
      code: 'ledger.damaged',
      detail: 'Entry 7 is not JSON.',
    });
    appliance.ledger.page = () => Promise.reject(new Error('/secret/path'));
    const answer = await get('/api/v1/ledger');
    expect(answer.statusCode).toBe(500);
    expect(answer.json().code).toBe('web.failed');
    expect(answer.body).not.toContain('/secret/path');
  });

  test.each([
    '/nothing',
    '/../web.ts',
    '/%2e%2e/web.ts',
    '/page/../../web.ts',
    '/index.html/',
    '/api/v1/',
    '/page.tsconfig.json',
  ])('nothing is at %s', async (url) => {
    const answer = await get(url);
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toMatchObject({ code: 'web.missing', type: 'urn:portcullis:error:web.missing' });
  });

  test('healthz', async () => {
    expect((await get('/healthz')).json()).toEqual({ ok: true });
  });
});

describe('trip', () => {
  test('one request trips, and says how long the relay took', async () => {
    const answer = await app.inject(TRIP);
    expect(answer.statusCode).toBe(202);
    expect(answer.json()).toEqual({ tripped: true, durable: true, latencyMs: expect.any(Number) });
    expect(answer.json().latencyMs).toBeGreaterThanOrEqual(0);
    expect(appliance.trips).toEqual([{ kind: 'page', reason: "Tripped on the operators' page." }]);
  });

  test('with a reason, cut where it is too long, never refused for it', async () => {
    await app.inject({ ...TRIP, payload: JSON.stringify({ reason: '  The database is vanishing  ' }) });
    await app.inject({ ...TRIP, payload: JSON.stringify({ reason: '😀'.repeat(1000) }) });
    expect(appliance.trips[0]?.reason).toBe('The database is vanishing');
    expect(appliance.trips[1]?.reason.length).toBe(300);
    expect(appliance.trips[1]?.reason.isWellFormed()).toBe(true);
  });

  test('a lockout that is not durable is 503 and says that the relay is off', async () => {
    appliance.tripAnswer = async () => ({ commandedAt: appliance.clock.monotonic(), durable: false });
    const answer = await app.inject(TRIP);
    expect(answer.statusCode).toBe(503);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.json()).toMatchObject({ code: 'gate.latch', tripped: true, durable: false });
  });

  test('a gate that does not answer is 503', async () => {
    appliance.tripAnswer = () => Promise.reject(new PortcullisError('socket.unreachable', 'The gate does not answer.'));
    const answer = await app.inject(TRIP);
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toMatchObject({ code: 'socket.unreachable', detail: 'The gate does not answer.' });
  });

  const without = (name: string) => Object.fromEntries(Object.entries(TRIP.headers).filter(([key]) => key !== name));
  const FORGED: { name: string; request: InjectOptions; status: number }[] = [
    {
      name: 'a form',
      request: {
        headers: { ...without('x-portcullis'), 'content-type': 'application/x-www-form-urlencoded' },
        payload: 'reason=x',
      },
      status: 403,
    },
    {
      name: 'a simple request of another site',
      request: {
        headers: {
          ...HOST,
          'content-type': 'text/plain',
          origin: 'https://evil.example',
          'sec-fetch-site': 'cross-site',
        },
      },
      status: 403,
    },
    { name: 'no custom header', request: { headers: without('x-portcullis') }, status: 403 },
    {
      name: 'a foreign origin',
      request: { headers: { ...TRIP.headers, origin: 'https://evil.example' } },
      status: 403,
    },
    { name: 'the origin null', request: { headers: { ...TRIP.headers, origin: 'null' } }, status: 403 },
    {
      name: 'another port of this host',
      request: { headers: { ...TRIP.headers, origin: 'http://127.0.0.1:9999' } },
      status: 403,
    },
    {
      name: 'same-site, not same-origin',
      request: { headers: { ...TRIP.headers, 'sec-fetch-site': 'same-site' } },
      status: 403,
    },
    {
      name: 'a rebound name',
      request: { headers: { ...TRIP.headers, host: 'evil.example:8640', origin: 'http://evil.example:8640' } },
      status: 421,
    },
    {
      name: 'another content type',
      request: { headers: { ...TRIP.headers, 'content-type': 'text/plain' } },
      status: 415,
    },
    { name: 'broken JSON', request: { payload: '{"reason":' }, status: 400 },
    { name: 'an unknown key', request: { payload: '{"raeson":"x"}' }, status: 400 },
    { name: 'a body that is no object', request: { payload: '[]' }, status: 400 },
    { name: 'a body too large', request: { payload: JSON.stringify({ reason: 'x'.repeat(20_000) }) }, status: 413 },
    { name: 'GET', request: { method: 'GET', payload: undefined as never }, status: 404 },
  ];
  test.each(FORGED)('is refused and does nothing: $name', async ({ request, status }) => {
    const answer = await app.inject({ ...TRIP, ...request });
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(answer.json()).toMatchObject({ status, remedy: expect.any(String) });
    expect(appliance.trips).toEqual([]);
  });

  test('works from the command line, without what only browsers send', async () => {
    const { origin: _, 'sec-fetch-site': __, ...headers } = TRIP.headers;
    expect((await app.inject({ ...TRIP, headers })).statusCode).toBe(202);
  });
});

describe('Host', () => {
  test.each(['localhost', 'LOCALHOST:8640', '127.0.0.1', '127.8.8.8:80', '[::1]:8640', 'localhost:9000'])(
    '%s is this box',
    async (host) => {
      expect((await get('/api/v1/status', { host })).statusCode).toBe(200);
    },
  );
  test.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '[::2]',
    '192.168.1.7:8640',
    'localhost:1:2',
  ])('"%s" is refused for every route', async (host) => {
    for (const url of ['/', '/api/v1/status', '/api/v1/ledger', '/api/v1/events', '/metrics', '/healthz']) {
      const answer = await get(url, { host });
      expect(answer.statusCode, url).toBe(421);
      expect(answer.json().code).toBe('web.host');
    }
  });

  test('a request without Host is refused', async () => {
    const { port } = await servedAppliance();
    const socket = connect(port, '127.0.0.1');
    socket.end('GET /api/v1/status HTTP/1.0\r\n\r\n');
    let text = '';
    for await (const chunk of socket.setEncoding('utf8')) text += chunk;
    expect(text).toMatch(/^HTTP\/1\.1 421 /);
  });

  test('another site reads nothing of the API', async () => {
    for (const url of ['/api/v1/status', '/api/v1/events', '/api/v1/ledger'])
      expect((await get(url, { 'sec-fetch-site': 'cross-site' })).statusCode).toBe(403);
    expect((await get('/', { 'sec-fetch-site': 'cross-site' })).statusCode).toBe(200);
  });
});

describe('listening', () => {
  test.each(['0.0.0.0', '::', '192.168.1.7', 'appliance.example', '127.0.0.1.example', ''])(
    'on "%s" is refused: there is no sign-in yet',
    async (host) => {
      const web = createWeb(appliance);
      await expect(web.start(host, 0)).rejects.toMatchObject({ code: 'web.loopback' });
      await web.stop();
    },
  );

  test('on a port that is taken says so; stop works then, twice, and before start', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    later(() => new Promise((resolve) => other.close(resolve)));
    const { port } = other.address() as AddressInfo;
    const web = createWeb(appliance);
    await web.stop();
    await expect(web.start('127.0.0.1', port)).rejects.toMatchObject({
      code: 'web.listen',
      what: expect.stringContaining(String(port)),
    });
    await web.stop();
    await web.stop();
  });
});
