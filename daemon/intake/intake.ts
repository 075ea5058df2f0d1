import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type RequestListener,
  STATUS_CODES,
} from 'node:http';
import { createServer as createHttpsServer, Server as HttpsServer } from 'node:https';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Delivery } from '../base/protocol.ts';
import type { TlsConfig } from '../config/schema.ts';
import type { TlsMaterial } from '../config/tls.ts';
import type { Body } from './body.ts';
import { CertificateFiles } from './certificate-files.ts';
import { Connections } from './connections.ts';
import { Payloads } from './payloads.ts';
import { peerOf } from './peer.ts';
import { type Answer, type Arrival, Receiver, type ReceiverPorts } from './receiver.ts';
import { recorded, SeenDeliveries, type Trace } from './replay.ts';
import { keepFresh, serverOptions, tellEnd } from './tls.ts';
import { Turns } from './turns.ts';

/** How often intake tells the gate that it is there. The gate's default lease is 1 s. */
const ALIVE_MS = 200;
/** A TLS handshake, and after it a request's head, must be there after this long, its end after REQUEST_MS. */
const HEAD_MS = 5_000;
const REQUEST_MS = 10_000;
const IDLE_MS = 1_000;
/** Largest head of a request, in bytes. More is 431, whoever sends it. */
const MAX_HEAD = 16 << 10;

export interface IntakePorts extends ReceiverPorts {
  /** Where the files are that TLS is spoken with. Without it HTTP is. */
  readonly tls?: TlsConfig;
  /** Takes note of what happened, after the answer is out. What it throws is logged and changes nothing. */
  record(delivery: Delivery): void;
  readonly log: Log;
}

export interface Intake {
  /** Makes ready for the first alert, so that it is not the slowest. Takes some tenths of a second, in which nothing else happens. */
  rehearse(): void;
  /**
   * Listens, and from then on keeps the liveness lease. Resolves to the actual port (port 0 takes any).
   * Rejects with `intake.listen` or `intake.tls`.
   */
  start(host: string, port: number): Promise<number>;
  /** Ends the lease and the server; requests of authenticated senders are answered first. */
  stop(): Promise<void>;
}

/**
 * The HTTP server alerts arrive at: POST /alerts/:source, POST /tools/:source, POST /heartbeat/:source, each with a secret
 * after it where a sender can do nothing else, GET /healthz; OPTIONS /alerts/:source for senders of CloudEvents.
 * Throws `intake.secret` when a source's secret is too weak.
 */
export function createIntake(ports: IntakePorts): Intake {
  const seen = ports.seen ?? new SeenDeliveries();
  const receiver = new Receiver({ ...ports, seen });
  const connections = new Connections(ports.maxBody);
  const receivedAt = new WeakMap<IncomingMessage, number>();
  const bodies = new WeakMap<IncomingMessage, Body>();
  const payloads = new Payloads();
  let app: FastifyInstance | undefined;
  let turns: Turns | undefined;
  let endLease = () => {};
  let endLooking = () => {};

  function build(tls: TlsMaterial | undefined): FastifyInstance {
    const app = fastify({
      serverFactory(handle) {
        const options = {
          headersTimeout: HEAD_MS,
          requestTimeout: REQUEST_MS,
          connectionsCheckingInterval: 500,
          keepAliveTimeout: IDLE_MS,
          maxHeaderSize: MAX_HEAD,
        };
        const receive: RequestListener = (request, response) => {
          receivedAt.set(request, ports.clock.monotonic());
          // Fastify refuses a body by its Content-Type before any parser is asked. Here no type is refused.
          delete request.headers['content-type'];
          handle(request, response);
        };
        const server =
          tls === undefined
            ? createHttpServer(options, receive)
            : createHttpsServer({ ...options, ...serverOptions(tls, HEAD_MS) }, receive);
        server.setTimeout(REQUEST_MS);
        // Above a number Node leaves headers out without a word, and one of those could be the proof. Their size limits them.
        server.maxHeadersCount = 0;
        turns = takeTurns(server, connections);
        return server;
      },
      frameworkErrors: (_error, _request, reply) => finish(reply, 404),
    });
    // The body stays in the request's stream: who may send how much is decided by the head, then chunk by chunk.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, _stream, done) => done(null));
    app.setNotFoundHandler((_request, reply) => finish(reply, 404));
    app.setErrorHandler((error, _request, reply) => {
      ports.log.error('a request failed', { error: reasonOf(error) });
      return finish(reply, 500);
    });
    const secretPaths = ports.sources.some(({ auth }) => auth.scheme === 'secret-path');
    for (const rest of secretPaths ? ['', '/:rest'] : ['']) {
      app.post<Named>(`/alerts/:source${rest}`, async (request, reply) =>
        conclude(reply, await receiver.alert(arrivalOf(request))),
      );
      app.options(`/alerts/:source${rest}`, permit);
      app.post<Named>(`/tools/:source${rest}`, async (request, reply) =>
        conclude(reply, await receiver.tool(arrivalOf(request))),
      );
      app.post<Named>(`/heartbeat/:source${rest}`, async (request, reply) =>
        conclude(reply, await receiver.heartbeat(arrivalOf(request))),
      );
    }
    app.get('/healthz', (_request, reply) => finish(reply, ports.gate.connected() ? 200 : 503));
    return app;
  }

  function arrivalOf(request: FastifyRequest<Named>): Arrival {
    const { raw } = request;
    return {
      at: receivedAt.get(raw) ?? ports.clock.monotonic(),
      name: request.params.source,
      rest: request.params.rest,
      remote: request.ip,
      peer: () => peerOf(raw.socket),
      rawHeaders: raw.rawHeaders,
      declared: Number(raw.headers['content-length'] ?? Number.NaN),
      body: raw,
      authenticated: () => connections.trust(raw.socket),
      received: (body) => bodies.set(raw, body),
    };
  }

  function conclude(reply: FastifyReply, { status, headers, body, delivery, trace }: Answer): FastifyReply {
    if (headers !== undefined) reply.headers(headers);
    finish(reply, status, body);
    // By the next turn the answer is in the kernel's hands, and a slow or broken record cannot hold it back.
    if (delivery !== undefined) setImmediate(() => record(delivery, bodies.get(reply.request.raw), trace));
    return reply;
  }

  function record(delivery: Delivery, body: Body | undefined, trace: Trace | undefined): void {
    try {
      const at = ports.clock.monotonic();
      const payload = payloads.of(delivery, body, at);
      ports.record({ ...recorded(delivery, trace?.key(), seen), at, ...(payload !== undefined && { payload }) });
    } catch (error) {
      ports.log.error('a delivery is not recorded', { source: delivery.source, error: reasonOf(error) });
    }
  }

  return {
    rehearse: () => receiver.rehearse(),

    async start(host, port) {
      const files = ports.tls && new CertificateFiles(ports.tls);
      const material = await files?.load();
      if (material !== undefined) tellEnd(material, ports.clock, ports.log);
      app = build(material);
      try {
        await app.listen({ host, port });
      } catch (error) {
        throw new PortcullisError('intake.listen', `Intake cannot listen at ${host}:${port}: ${reasonOf(error)}.`, {
          cause: error,
        });
      }
      const { server } = app;
      if (files !== undefined && server instanceof HttpsServer)
        endLooking = keepFresh(server, files, ports.clock, ports.log);
      const renew = () => {
        if (server.listening) ports.gate.alive();
      };
      renew();
      endLease = ports.clock.every(ALIVE_MS, renew);
      const address = server.address();
      return typeof address === 'object' && address !== null ? address.port : port;
    },

    async stop() {
      endLease();
      endLooking();
      const closed = app?.close();
      turns?.end();
      connections.endStrangers();
      await closed;
    },
  };
}

/** Has `server` begin with its connections in turns. What Node does with one is what listens for it now. */
function takeTurns(server: HttpServer | HttpsServer, connections: Connections): Turns {
  const begin = server.listeners('connection');
  server.removeAllListeners('connection');
  const turns = new Turns((socket) => {
    connections.admit(socket);
    for (const listener of begin) listener.call(server, socket);
  });
  server.on('connection', (socket) => turns.wait(socket));
  return turns;
}

interface Named {
  Params: { source: string; rest?: string };
}

/**
 * CloudEvents' handshake: a sender asks whether it may post before it does. The answer is the same for every name and every
 * sender, because it permits nothing: an alert still has to prove who sent it.
 * https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md#4-abuse-protection
 */
function permit(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (request.headers['webhook-request-origin'] === undefined) return finish(reply, 404);
  reply.header('allow', 'POST').header('webhook-allowed-origin', '*').header('webhook-allowed-rate', '*');
  return finish(reply, 200);
}

/**
 * Ends the connection with the answer: an idle one is nothing to keep, and nothing a sender could reuse just as it is
 * closed. While the body is still arriving it must stay, or the sender would find it broken instead of the answer.
 */
function finish(
  reply: FastifyReply,
  status: number,
  body: object | '' = { status: STATUS_CODES[status] },
): FastifyReply {
  if (reply.request.raw.complete) reply.header('connection', 'close');
  return reply.code(status).send(body);
}
