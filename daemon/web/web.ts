import fastify, { type FastifyInstance } from 'fastify';
import type { Clock } from '../base/clock.ts';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { ALERT_ENTRIES, type KeeperReads, type TripPort } from '../keeper/ports.ts';
import type { LedgerReads, PageQuery } from '../ledger/ports.ts';
import { loadAssets } from './assets.ts';
import { EventStream } from './events.ts';
import { checkHost, checkListenHost, checkMeant, checkSameSite } from './guard.ts';
import { metricsOf } from './metrics.ts';
import { problemFor, problemOf } from './problem.ts';

const MAX_BODY = 16 * 1024;
const MAX_CONNECTIONS = 512;
const MAX_REASON = 300;

/** On every answer. Nothing inline, nothing from elsewhere, no other site may frame, embed or read it. */
const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cache-control': 'no-store',
} as const;

export interface WebPorts {
  readonly status: KeeperReads;
  readonly ledger: LedgerReads;
  readonly trip: TripPort;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Web {
  /**
   * Listens and resolves with the port. Rejects with `web.loopback` for any host but a loopback address, because there
   * is no sign-in yet, and with `web.listen` when the address cannot be had.
   */
  start(host: string, port: number): Promise<number>;
  /** Ends every conversation. Works after half a start, and twice. */
  stop(): Promise<void>;
}

/** The operators' HTTP server: the page, its API, metrics. It reads, and it can trip; nothing here can connect. */
export function createWeb(ports: WebPorts): Web {
  const events = new EventStream(ports.status, ports.clock);
  let app: FastifyInstance | undefined;
  return {
    async start(host, port) {
      checkListenHost(host);
      app = await buildApp(ports, events);
      try {
        await app.listen({ host, port });
      } catch (error) {
        throw new PortcullisError(
          'web.listen',
          `The operators' page cannot listen on ${host}:${port}: ${reasonOf(error)}.`,
        );
      }
      events.start();
      const address = app.server.address();
      return typeof address === 'object' && address !== null ? address.port : port;
    },
    async stop() {
      events.stop();
      await app?.close();
    },
  };
}

/** What a list of entries may be asked for. */
function paging(more: object): object {
  return {
    type: 'object',
    additionalProperties: false,
    properties: {
      before: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
      limit: { type: 'integer', minimum: 1, maximum: 500, default: 50 },
      ...more,
    },
  };
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Monotonic milliseconds at which the request's head had been read. */
    receivedAt: number;
  }
}

/** All routes, not listening. Exported for tests, which inject requests. */
export async function buildApp(ports: WebPorts, events: EventStream): Promise<FastifyInstance> {
  const { status, ledger, trip, clock, log } = ports;
  const app = fastify({
    logger: false,
    bodyLimit: MAX_BODY,
    requestTimeout: 10_000,
    forceCloseConnections: true,
    // Unknown keys are refused, not dropped in silence.
    ajv: { customOptions: { removeAdditional: false } },
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  app.removeContentTypeParser('text/plain');
  app.decorateRequest('receivedAt', 0);

  app.addHook('onRequest', async (request, reply) => {
    request.receivedAt = clock.monotonic();
    reply.headers(SECURITY_HEADERS);
    checkHost(request.headers);
    if (request.url.startsWith('/api/')) checkSameSite(request.headers);
    if (request.method !== 'GET' && request.method !== 'HEAD') checkMeant(request.headers);
  });
  app.setErrorHandler((error, request, reply) => {
    const problem = problemFor(error);
    if (problem.status >= 500) log.error('a request failed', { url: request.url, error });
    return reply.code(problem.status).type('application/problem+json').send(problem);
  });
  app.setNotFoundHandler((request) => {
    throw new PortcullisError('web.missing', `There is nothing at ${request.method} ${request.url.slice(0, 200)}.`);
  });

  for (const { url, type, body } of await loadAssets())
    app.get(url, (_, reply) => reply.type(type).header('cache-control', 'no-cache').send(body));

  app.get('/healthz', () => ({ ok: true }));
  app.get('/metrics', (_, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(metricsOf(status.status())),
  );
  app.get('/api/v1/status', () => status.status());

  app.get('/api/v1/events', { exposeHeadRoute: false }, (_, reply) => {
    events.checkRoom();
    reply.hijack();
    reply.raw.writeHead(200, { ...SECURITY_HEADERS, 'content-type': 'text/event-stream; charset=utf-8' });
    events.add(reply.raw);
  });

  const page = async (query: PageQuery) => {
    const entries = await ledger.page(query);
    const last = entries.at(-1);
    return { entries, ...(last !== undefined && entries.length === query.limit ? { next: last.seq } : {}) };
  };
  app.get<{ Querystring: PageQuery }>(
    '/api/v1/ledger',
    { schema: { querystring: paging({ type: { type: 'string', pattern: '^[a-z0-9._-]{1,60}$' } }) } },
    ({ query }) => page(query),
  );
  app.get<{ Querystring: PageQuery }>(
    '/api/v1/alerts',
    { schema: { querystring: paging({ source: { type: 'string', pattern: '^[a-z0-9._-]{1,63}$' } }) } },
    ({ query }) => page({ ...query, type: ALERT_ENTRIES }),
  );

  app.post<{ Body: { reason?: string } }>(
    '/api/v1/trip',
    {
      schema: {
        body: { type: 'object', additionalProperties: false, properties: { reason: { type: 'string' } } },
      },
    },
    async ({ body, receivedAt }, reply) => {
      // Cut, not refused: no trip fails over the length of its reason.
      const reason = body.reason?.trim().slice(0, MAX_REASON).toWellFormed() || "Tripped on the operators' page.";
      const { commandedAt, durable } = await trip.trip({ kind: 'page', reason });
      const latencyMs = Math.max(0, commandedAt - receivedAt);
      log.warn('tripped on the page', { reason, durable, latencyMs });
      if (durable) return reply.code(202).send({ tripped: true, durable, latencyMs });
      const problem = problemOf(
        new PortcullisError('gate.latch', 'The gate was tripped, but the lockout could not be made durable.'),
      );
      return reply
        .code(problem.status)
        .type('application/problem+json')
        .send({ ...problem, tripped: true, durable, latencyMs });
    },
  );
  return app;
}
