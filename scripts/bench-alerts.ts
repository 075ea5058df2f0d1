/**
 * From the first byte of an alert at intake's socket to the relay being off, over intake, gate and simulated board in
 * processes of their own: `npm run bench:alerts -- [--rounds N] [--print]`. Three times: idle; while strangers flood the port; while they
 * flood it and a sync keeps a core busy. Writes its part of docs/benchmarks.md and the picture beside it. Shows, asserts nothing.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, watch, writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { cpus, setPriority } from 'node:os';
import { parseArgs } from 'node:util';
import { systemClock } from '../daemon/base/clock.ts';
import { openLines } from '../daemon/base/lines.ts';
import { connectUnix } from '../daemon/base/listen.ts';
import { silentLog } from '../daemon/base/log.ts';
import { type AdminAnswer, type AdminRequest, adminAnswer, type GateView } from '../daemon/base/protocol.ts';
import { GateLink } from '../daemon/keeper/gate-link.ts';
import { Appliance } from '../test/e2e/appliance.ts';
import { histogram } from './bench/histogram.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '10000' }, print: { type: 'boolean', default: false } },
});
const ROUNDS = Number(values.rounds);
/** The gate permits so many connections in 24 h, whoever asks: then a new box. */
const ROUNDS_PER_BOX = 1400;
/** Of all rounds those of each kind that is flooded. */
const FLOODED_ROUNDS = Math.ceil(ROUNDS / 10);
const FLOODERS = 64;
const INTAKE = new URL('../dist/main/intake.js', import.meta.url).pathname;
/** As the gate's unit has them. */
const GATE_OPTIONS = ['--jitless', '--single-threaded-gc', '--no-flush-bytecode'];
const GATE = new URL('bench/gate.ts', import.meta.url).pathname;

interface Times {
  /** Intake's and the gate's own account: head received → de-energise commanded. */
  readonly commanded: number;
  /** From before the first byte is written until the board's process has let the relay drop, and the vault is gone. */
  readonly off: number;
}

/** Gate and intake in processes of their own; this process is the keeper that holds the lease, the person, and the sender. */
class Box {
  readonly #home = new Appliance();
  readonly #processes: ChildProcess[] = [];
  #link: GateLink | undefined;
  #view: GateView | undefined;
  readonly #looking = new Set<() => void>();

  async start(): Promise<void> {
    await this.#home.create({
      sources: [{ name: 'documents', kind: 'directory', path: this.#home.folder('documents', 1, 10) }],
      windows: [{ name: 'always', cron: '* * * * *', duration: '2m' }],
      gate: { maxConnections: 1440, proofTest: '400d' },
    });
    this.#spawn(...GATE_OPTIONS, '--import', 'tsx', GATE, this.#home.at('state', 'gate.json'));
    this.#spawn(INTAKE, this.#home.at('portcullis.yaml'));
    const link = new GateLink({
      path: this.#home.at('run', 'lease'),
      clock: systemClock,
      log: silentLog,
      report: () => ({ clockTrusted: true, blocks: [], attention: [], proofs: {} }),
      record: async () => {},
      changed: (view) => {
        this.#view = view;
        for (const look of this.#looking) look();
      },
    });
    this.#link = link;
    link.start();
    await this.#sees((view) => view.interlocks.every(({ ok, name }) => ok || name === 'latch'));
  }

  async stop(): Promise<void> {
    this.#link?.stop();
    for (const child of this.#processes) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    await this.#home.destroy();
  }

  /** Pid of intake. */
  get intake(): number {
    return this.#processes[1]?.pid ?? 0;
  }

  get port(): number {
    return this.#home.intakePort;
  }

  /** Connects, alerts, measures, and resets. */
  async round(): Promise<Times> {
    await this.#sees(
      (view) => view.link === 'isolated' && view.latch.kind === 'clear' && view.interlocks.every(({ ok }) => ok),
    );
    await this.#link?.connect('bench', 60);
    const socket = createConnection(this.port, '127.0.0.1');
    await once(socket, 'connect');
    const request = this.#request();
    let off = Number.NaN;
    const dropped = new Promise<void>((resolve) => {
      const watcher = watch(this.#home.home, (_, file) => {
        if (file !== 'vault' || this.#home.vaultIsThere()) return;
        off = systemClock.monotonic();
        watcher.close();
        resolve();
      });
    });
    const from = systemClock.monotonic();
    socket.write(request);
    const answered = answerOf(socket);
    await dropped;
    const { tripped, latencyMs } = JSON.parse(await answered) as { tripped: boolean; latencyMs: number };
    if (!tripped) throw new Error('the alert did not trip');
    await this.#reset();
    return { commanded: latencyMs, off: off - from };
  }

  #spawn(...args: readonly string[]): void {
    const child = spawn(process.execPath, [...args], { stdio: ['pipe', 'ignore', 'ignore'] });
    prioritise(child.pid ?? 0, -10);
    this.#processes.push(child);
  }

  /** A signed alert as one piece of bytes. */
  #request(): string {
    const id = `msg_${randomBytes(8).toString('hex')}`;
    const timestamp = String(Math.floor(systemClock.wall() / 1000));
    const body = JSON.stringify({ data: { action: 'destroy' } });
    const key = Buffer.from(this.#home.secret, 'base64');
    const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
    return [
      'POST /alerts/siem HTTP/1.1',
      'host: bench',
      `content-length: ${body.length}`,
      `webhook-id: ${id}`,
      `webhook-timestamp: ${timestamp}`,
      `webhook-signature: v1,${signature}`,
      '',
      body,
    ].join('\r\n');
  }

  async #reset(): Promise<void> {
    const socket = await connectUnix(this.#home.at('run', 'admin'));
    await new Promise<void>((resolve, reject) => {
      const lines = openLines<AdminAnswer, AdminRequest>(socket, adminAnswer, {
        message: (answer) => {
          if (answer.type === 'denied') reject(new Error(answer.reason));
          if (answer.type !== 'approved') return;
          resolve();
          lines.close();
        },
        closed: reject,
      });
      lines.send({ type: 'request', id: 1, verb: 'reset', reason: 'bench' });
    });
  }

  async #sees(wanted: (view: GateView) => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = () => {
        if (this.#view === undefined || !wanted(this.#view)) return;
        this.#looking.delete(look);
        resolve();
      };
      this.#looking.add(look);
      look();
    });
  }
}

/** As the units do (CPUWeight), so far as this user may. */
function prioritise(pid: number, nice: number): void {
  try {
    setPriority(pid, nice);
  } catch {
    process.stderr.write('Without root all processes have the same priority.\n');
  }
}

function answerOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text.slice(text.indexOf('\r\n\r\n') + 4)));
  });
}

/** Strangers that post as fast as they are answered, from a process of their own, and are all refused. */
async function flood(port: number): Promise<{ stop(): Promise<number> }> {
  const script = `
    const { createConnection } = require('node:net');
    const body = '{"data":{"action":"destroy"}}';
    const request = 'POST /alerts/siem HTTP/1.1\\r\\nhost: x\\r\\nwebhook-id: a\\r\\nwebhook-timestamp: ' + Math.floor(Date.now() / 1000) +
      '\\r\\nwebhook-signature: v1,' + Buffer.alloc(32).toString('base64') + '\\r\\ncontent-length: ' + body.length + '\\r\\n\\r\\n' + body;
    let answered = 0;
    const one = () => {
      const socket = createConnection({ port: ${port}, host: '127.0.0.1', localAddress: '127.0.0.2' }, () => socket.write(request));
      socket.on('data', () => { answered += 1; socket.destroy(); });
      socket.on('error', () => {});
      socket.on('close', one);
    };
    for (let n = 0; n < ${FLOODERS}; n += 1) one();
    process.stdin.on('data', () => { process.stdout.write(String(answered)); process.exit(); });
    setTimeout(() => process.stdout.write('!'), 500);`;
  const child = spawn('taskset', ['-c', '1', process.execPath, '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  prioritise(child.pid ?? 0, 0);
  const since = systemClock.monotonic();
  await once(child.stdout, 'data');
  return {
    async stop() {
      child.stdin.write('.');
      const [answered] = (await once(child.stdout, 'data')) as [Buffer];
      return (Number(answered) / (systemClock.monotonic() - since)) * 1000;
    },
  };
}

/** Seals again and again, on one core, until stopped. */
async function syncing(): Promise<{ stop(): Promise<void> }> {
  const home = new Appliance();
  const source = home.folder('corpus', 2000, 50_000);
  const script = new URL('bench/syncing.ts', import.meta.url).pathname;
  const args = ['-c', '1', process.execPath, '--import', 'tsx', script, source, home.at('work')];
  const child = spawn('taskset', args, { stdio: 'ignore', detached: true });
  prioritise(child.pid ?? 0, 0);
  return {
    async stop() {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
      await once(child, 'exit');
      await home.destroy();
    },
  };
}

async function measure(rounds: number, flooded: boolean, busy: boolean): Promise<Measured> {
  const times: Times[] = [];
  let memory = 0;
  const perSecond: number[] = [];
  const sync = busy ? await syncing() : undefined;
  while (times.length < rounds) {
    const box = new Box();
    await box.start();
    const strangers = flooded ? await flood(box.port) : undefined;
    for (let round = 0; round < ROUNDS_PER_BOX && times.length < rounds; round += 1) {
      times.push(await box.round());
      if (times.length % 100 === 0) process.stderr.write(`${times.length} of ${rounds}\n`);
    }
    memory = Math.max(memory, peakOf(box.intake));
    if (strangers !== undefined) perSecond.push(await strangers.stop());
    await box.stop();
  }
  await sync?.stop();
  return { times, memory, perSecond: perSecond.length === 0 ? undefined : Math.min(...perSecond) };
}

interface Measured {
  readonly times: readonly Times[];
  /** Peak resident memory of intake, MiB. */
  readonly memory: number;
  readonly perSecond: number | undefined;
}

function peakOf(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

function row(name: string, values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const cells = [0.5, 0.9, 0.99, 0.999, 1].map((q) => quantile(sorted, q).toFixed(2));
  return `| ${name} | ${sorted.length} | ${cells.join(' | ')} |`;
}

// The sender stands for another machine.
prioritise(process.pid, -15);
const measured: Record<string, Measured> = {
  idle: await measure(ROUNDS - 2 * FLOODED_ROUNDS, false, false),
  flooded: await measure(FLOODED_ROUNDS, true, false),
  'flooded, and a sync': await measure(FLOODED_ROUNDS, true, true),
};
const lines = Object.entries(measured).flatMap(([name, { times }]) => [
  row(
    `${name}: first byte written → the board has dropped the relay, the vault is gone`,
    times.map(({ off }) => off),
  ),
  row(
    `${name}: head received → commanded, by \`latencyMs\``,
    times.map(({ commanded }) => commanded),
  ),
]);
const rates = Object.entries(measured).flatMap(([name, { perSecond }]) =>
  perSecond === undefined ? [] : [`${name}: at least ${Math.round(perSecond)} refused requests a second`],
);
const memory = Object.entries(measured).map(([name, one]) => `${name} ${one.memory.toFixed(0)}`);
const TITLE = '## How fast an alert isolates\n';
const text = `${TITLE}
Written by \`npm run bench:alerts\`. ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), Node ${process.versions.node}. A signed alert over a
new connection; intake, gate (with the options and the priority of its unit) and simulated board in processes of their own; the strangers and the sync keep
to one of the cores, and the sender goes before all of them, as it stands for another machine. Milliseconds. In the first row of each is also the
sender's own time and that of the board, a process of its own, to take the vault away; a GPIO line is low when the command has been given, which is the
second row. Goals: idle median 1 ms and 99th percentile 5 ms; flooded, with a sync on the other core, 99th percentile 10 ms. The relay itself takes about 5 ms more.

| | rounds | median | 90 % | 99 % | 99.9 % | worst |
|---|---:|---:|---:|---:|---:|---:|
${lines.join('\n')}

${FLOODERS} strangers post at once, each as fast as it is refused; ${rates.join('; ')}. Peak memory of intake (MiB): ${memory.join(', ')}.

![Histogram of the same](benchmarks-alerts.svg)
`;
if (values.print) process.stdout.write(text);
else {
  const docs = new URL('../docs/', import.meta.url);
  const page = new URL('benchmarks.md', docs);
  const [before = '', after = ''] = readFileSync(page, 'utf8').split(TITLE);
  const next = after.indexOf('\n## ');
  writeFileSync(page, `${before.trimEnd()}\n\n${text}${next < 0 ? '' : after.slice(next)}`);
  const series = Object.entries(measured).map(([name, { times }]) => ({ name, values: times.map(({ off }) => off) }));
  writeFileSync(new URL('benchmarks-alerts.svg', docs), histogram(series));
}
