/**
 * Mutated requests against intake: `npm run fuzz -- [--requests N] [--minutes M] [--seed S]`. Valid requests of every kind of
 * sender, with every sample as body, are changed a little: in the head, in the body, in both. After each it must be alive, have
 * answered in time, and have accepted nothing that its sender did not sign. Nine of ten go to the receiver itself, one of ten as bytes
 * through a socket and the HTTP server. Prints how many there were and the seed; exits 1 at the first fault, with what caused it.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { Readable } from 'node:stream';
import { parseArgs } from 'node:util';
import { systemClock } from '../daemon/base/clock.ts';
import { silentLog } from '../daemon/base/log.ts';
import { FORMATS } from '../daemon/config/schema.ts';
import { createIntake } from '../daemon/intake/intake.ts';
import type { GatePort, IntakeSource } from '../daemon/intake/ports.ts';
import { Receiver } from '../daemon/intake/receiver.ts';
import { SENDERS, type Sender, sourceOf } from '../test/intake/senders.ts';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '10000000' },
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
});
const REQUESTS = Number(values.requests);
const END_MS = performance.now() + Number(values.minutes) * 60_000;
/** No request may keep the loop longer: the lease that intake renews lasts at least 200 ms, on a machine several times slower. */
const SLOWEST_MS = 500;
const MAX_BODY = 128 << 10;
/** Bodies above this come up once in so many requests, or they would be all there is time for. */
const LARGE = 12_000;
const LARGE_EVERY = 50;

let state = Number(values.seed) | 0;
/** Mulberry32: a number from 0 to below `below`, the same ones for the same seed. */
function random(below: number): number {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
}
function pick<T>(list: readonly T[]): T {
  return list[random(list.length)] as T;
}

const SAMPLES = new URL('../test/alerts/samples/', import.meta.url);
const samples = readdirSync(SAMPLES)
  .filter((name) => name.endsWith('.json'))
  .map((name) => readFileSync(new URL(name, SAMPLES)));
const small = samples.filter(({ length }) => length <= LARGE);
const large = samples.filter(({ length }) => length > LARGE && length < MAX_BODY);
const questions = [
  '{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"rm -rf / --no-preserve-root"}}',
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"sql","arguments":{"q":"drop database x"}}}',
  '{"tool":"run","input":{"command":"kubectl delete ns prod"}}',
].map((text) => Buffer.from(text));
const PIECES = [
  '__proto__',
  '"constructor":{"prototype":{}}',
  '\u0000',
  '[[[[[[[[',
  '}',
  '"',
  '\\',
  '\\ud800',
  '9007199254740993',
  '1e999',
  'null',
  ',"airgap_action":"drop"',
  '; drop table users --',
  '$(rm -rf /)',
  '{"a":'.repeat(200),
  '['.repeat(5000),
  ' '.repeat(3000),
].map((text) => Buffer.from(text));
const BYTES = [
  Buffer.from([0xff, 0xfe]),
  Buffer.from([0xc3]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0x1f, 0x8b, 8, 0]),
];

class Gate implements GatePort {
  trips = 0;
  async trip() {
    this.trips += 1;
    return { commandedAt: systemClock.monotonic(), durable: true };
  }
  alive(): void {}
  connected(): boolean {
    return true;
  }
}

/** Every way of proof with every format, under a name of its own. */
const sources: { readonly sender: Sender; readonly source: IntakeSource }[] = FORMATS.flatMap((format, index) =>
  SENDERS.filter((_, number) => number % 4 === index % 4 || format === 'json' || format === 'tool-hook').map(
    (sender) => ({
      sender,
      source: { ...sourceOf(sender), name: `${sender.name}.${format}`, format },
    }),
  ),
);

interface Request {
  readonly sender: Sender;
  readonly source: IntakeSource;
  readonly path: 'alerts' | 'tools' | 'heartbeat';
  headers: [string, string][];
  body: Buffer;
  rest: string | undefined;
  /** What was signed. */
  readonly signedBody: Buffer;
  readonly signedHeaders: Readonly<Record<string, string>>;
  readonly secret: string;
}

function request(): Request {
  const { sender, source } = pick(sources);
  const pool = source.format === 'tool-hook' ? questions : random(LARGE_EVERY) === 0 ? large : small;
  let body = pick(pool);
  // Half of the bodies are changed before they are signed: then they are authentic, and judged.
  if (random(2) === 0) for (let times = 1 + random(4); times > 0; times -= 1) body = changed(body);
  const secret = sender.secrets[random(2)] ?? '';
  const { headers, rest } = sender.send(secret, body, systemClock.wall());
  const path = source.format === 'tool-hook' ? 'tools' : random(10) === 0 ? 'heartbeat' : 'alerts';
  return {
    sender,
    source,
    path,
    headers: [...Object.entries(headers), ['x-github-event', 'push'], ['ce-type', 'x']],
    body,
    rest,
    signedBody: body,
    signedHeaders: headers,
    secret,
  };
}

function changed(body: Buffer): Buffer {
  const at = random(body.length + 1);
  const to = Math.min(body.length, at + 1 + random(40));
  switch (random(7)) {
    case 0: {
      const copy = Buffer.from(body);
      if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ (1 << random(8));
      return copy;
    }
    case 1:
      return Buffer.concat([body.subarray(0, at), body.subarray(to)]);
    case 2:
      return Buffer.concat([body.subarray(0, to), body.subarray(at)]);
    case 3:
      return Buffer.concat([body.subarray(0, at), pick(PIECES), body.subarray(at)]);
    case 4:
      return Buffer.concat([body.subarray(0, at), pick(BYTES), body.subarray(at)]);
    case 5:
      return body.subarray(0, at);
    default: {
      const other = pick(small);
      const from = random(other.length);
      return Buffer.concat([body.subarray(0, at), other.subarray(from, from + random(200)), body.subarray(at)]);
    }
  }
}

function mutate(one: Request): void {
  for (let times = random(4); times > 0; times -= 1) {
    const index = random(one.headers.length || 1);
    const header = one.headers[index];
    switch (random(8)) {
      case 0:
      case 1:
      case 2:
        one.body = changed(one.body);
        break;
      case 3:
        if (header !== undefined) {
          const text = header[1];
          const at = random(text.length || 1);
          header[1] = `${text.slice(0, at)}${String.fromCharCode(33 + random(94))}${text.slice(at + random(2))}`;
        }
        break;
      case 4:
        one.headers.splice(index, 1);
        break;
      case 5:
        if (header !== undefined) one.headers.push([header[0], random(2) === 0 ? header[1] : 'x']);
        break;
      case 6:
        if (header !== undefined)
          header[1] = pick([
            '',
            ' ',
            header[1].toUpperCase(),
            header[1].slice(0, -1),
            `${header[1]},x`,
            '0'.repeat(64),
          ]);
        break;
      default:
        one.rest = pick([undefined, '', 'x'.repeat(30), one.rest?.slice(1)]);
    }
  }
}

/** 'yes' and 'no' where that is certain by looking at what was changed, without any of the code that is tested. */
function shouldAccept({
  sender,
  headers,
  body,
  rest,
  signedBody,
  signedHeaders,
  secret,
}: Request): 'yes' | 'no' | 'maybe' {
  const signs = sender.signs !== 'nothing';
  if (signs && !body.equals(signedBody)) return 'no';
  if (sender.proof === undefined) return rest === secret ? 'yes' : 'no';
  const intact = Object.entries(signedHeaders).every(([name, value]) => {
    const sent = headers.filter(([other]) => other === name);
    return sent.length === 1 && sent[0]?.[1] === value;
  });
  if (intact) return 'yes';
  const proofs = headers.filter(([name]) => name === sender.proof).map(([, value]) => value.toLowerCase());
  const signature = (signedHeaders[sender.proof] ?? '')
    .toLowerCase()
    .split(/[=, ]/)
    .filter((part) => part.length >= 24);
  // Without what proves it, in whatever case, nothing is proven.
  return proofs.some((proof) => signature.some((part) => proof.includes(part))) ? 'maybe' : 'no';
}

function fail(why: string, one: Request, more = ''): never {
  console.error(`FAULT: ${why} ${more}\nseed ${values.seed}, after ${done} requests: ${one.path}/${one.source.name}`);
  console.error(JSON.stringify(one.headers), `rest ${one.rest}, body (base64) ${one.body.toString('base64')}`);
  process.exit(1);
}

const gate = new Gate();
const ports = {
  sources: sources.map(({ source }) => source),
  rules: [],
  agents: [],
  maxBody: MAX_BODY,
  gate,
  clock: systemClock,
};
const receiver = new Receiver(ports);
const intake = createIntake({ ...ports, record: () => {}, log: silentLog });
const port = await intake.start('127.0.0.1', 0);
const counts = { accepted: 0, refused: 0, tripped: 0, sockets: 0, answeredBySocket: 0 };
let done = 0;
let slowest = 0;
let peak = 0;

async function toReceiver(one: Request): Promise<void> {
  const expected = shouldAccept(one);
  const from = performance.now();
  const trips = gate.trips;
  const arrival = {
    at: systemClock.monotonic(),
    name: one.source.name,
    rest: one.rest,
    remote: '192.0.2.1',
    peer: () => undefined,
    rawHeaders: one.headers.flat(),
    declared: one.body.length,
    body: Readable.from([one.body], { objectMode: false }),
    authenticated: () => {},
  };
  const verb = one.path === 'tools' ? 'tool' : one.path === 'heartbeat' ? 'heartbeat' : 'alert';
  const answer = await receiver[verb](arrival).catch((error: unknown) => fail('it threw', one, String(error)));
  const took = performance.now() - from;
  slowest = Math.max(slowest, took);
  if (took > SLOWEST_MS) fail(`it took ${took.toFixed(0)} ms`, one);
  const accepted = answer.status === 202 || answer.status === 200;
  if (accepted && expected === 'no') fail('a FALSE ACCEPT', one);
  if (!accepted && expected === 'yes' && one.body.length <= MAX_BODY)
    fail(`a sender was refused with ${answer.status}`, one);
  if (!accepted && gate.trips !== trips) fail('a stranger tripped', one);
  if (accepted) counts.accepted += 1;
  else counts.refused += 1;
  if (gate.trips !== trips) counts.tripped += 1;
}

function toSocket(one: Request): Promise<void> {
  const rest = one.rest === undefined ? '' : `/${encodeURIComponent(one.rest)}`;
  const head = [
    `POST /${one.path}/${one.source.name}${rest} HTTP/1.1`,
    'host: x',
    `content-length: ${one.body.length + (random(10) === 0 ? random(9) - 4 : 0)}`,
    ...one.headers.map(([name, value]) => `${name}: ${value}`),
    '',
    '',
  ].join('\r\n');
  let bytes = Buffer.concat([Buffer.from(head, 'latin1'), one.body]);
  // And once more as bytes: of the request line, of names, of line ends.
  for (let times = random(3); times > 0; times -= 1) bytes = Buffer.from(changed(bytes));
  counts.sockets += 1;
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.on('data', (chunk) => {
      if (chunk.toString('latin1', 0, 5) === 'HTTP/') counts.answeredBySocket += 1;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    socket.end(bytes);
  });
}

/** The next real alert is never missed. */
async function realAlert(): Promise<void> {
  const source = sources.find(({ source: { name } }) => name === 'bearer.json');
  if (source === undefined) throw new Error('there is no source bearer.json');
  const { headers } = source.sender.send(source.sender.secrets[0], Buffer.alloc(0), systemClock.wall());
  const answer = await fetch(`http://127.0.0.1:${port}/alerts/bearer.json`, {
    method: 'POST',
    headers,
    body: '{"airgap_action":"drop"}',
  });
  const text = await answer.text();
  if (answer.status !== 202 || !text.includes('"tripped":true')) {
    console.error(
      `FAULT: a real alert was answered with ${answer.status} ${text}; seed ${values.seed}, after ${done} requests`,
    );
    process.exit(1);
  }
}

const began = performance.now();
while (done < REQUESTS && performance.now() < END_MS) {
  const batch = Array.from({ length: 100 }, () => {
    const one = request();
    mutate(one);
    return one;
  });
  for (const one of batch.slice(10)) {
    await toReceiver(one);
    done += 1;
  }
  await Promise.all(batch.slice(0, 10).map(toSocket));
  done += 10;
  if (done % 10_000 === 0) {
    await realAlert();
    peak = Math.max(peak, process.memoryUsage.rss() / 2 ** 20);
  }
  if (done % 500_000 === 0)
    console.error(
      `${done} requests, ${((performance.now() - began) / 1000).toFixed(0)} s, slowest ${slowest.toFixed(1)} ms, ${peak.toFixed(0)} MiB`,
    );
}
await intake.stop();
const mark = createHash('sha256').update(JSON.stringify(counts)).digest('hex').slice(0, 12);
console.log(
  `${done} mutated requests in ${((performance.now() - began) / 60_000).toFixed(1)} min, seed ${values.seed}: no crash, no hang, no false accept.`,
);
console.log(
  `${counts.accepted} authentic and judged (${counts.tripped} tripped), ${counts.refused} refused; ${counts.sockets} through the socket, ${counts.answeredBySocket} of them answered; slowest ${slowest.toFixed(1)} ms; peak memory ${peak.toFixed(0)} MiB; ${mark}`,
);
