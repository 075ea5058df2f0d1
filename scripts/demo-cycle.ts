/**
 * The demo: a real git repository, a directory and a real SQLite database go through the whole cycle with the simulated
 * board, step by step, each with what was measured. Exits 0 only if every step held.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import type { KeeperStatus } from '../daemon/keeper/ports.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PORTCULLIS = join(ROOT, 'dist/main/portcullis.js');
const READER = join(ROOT, 'scripts/portcullis-reader.py');
const BULK_MIB = 160;
const once = process.argv.includes('--once');
const home = mkdtempSync(join(tmpdir(), 'portcullis-demo-'));
const at = (...parts: string[]) => join(home, ...parts);
const [pagePort, intakePort] = [await freePort(), await freePort()];
const webhookSecret = randomBytes(32).toString('base64');
let daemon: ChildProcess | undefined;
let steps = 0;

function step(title: string): void {
  steps += 1;
  console.log(`\n${String(steps).padStart(2)}. ${title}`);
}

function fact(text: string): void {
  console.log(`    ${text}`);
}

function hold(condition: boolean, claim: string): void {
  if (!condition) throw new Error(`did not hold: ${claim}`);
  fact(`held: ${claim}`);
}

/** Runs the command line as a person would. */
function portcullis(...args: string[]): { code: number; out: string; err: string } {
  try {
    const out = execFileSync(process.execPath, [PORTCULLIS, ...args, '--config', at('portcullis.yaml')], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
    return { code: 0, out, err: '' };
  } catch (error) {
    const { status, stdout, stderr } = error as { status: number | null; stdout: string; stderr: string };
    return { code: status ?? 1, out: stdout, err: stderr };
  }
}

function must(...args: string[]): string {
  const { code, out, err } = portcullis(...args);
  if (code !== 0) throw new Error(`portcullis ${args.join(' ')} exited ${code}: ${err || out}`);
  return out;
}

function git(folder: string, ...args: string[]): string {
  const who = ['-c', 'user.name=Demo', '-c', 'user.email=demo@example.com', '-c', 'init.defaultBranch=main'];
  return execFileSync('git', [...who, ...args], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
}

async function status(): Promise<KeeperStatus | undefined> {
  try {
    return (await (await fetch(`http://127.0.0.1:${pagePort}/api/v1/status`)).json()) as KeeperStatus;
  } catch {
    return undefined;
  }
}

async function until<T>(what: string, seconds: number, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (daemon !== undefined && daemon.exitCode !== null)
      throw new Error(`the daemon ended (${daemon.exitCode}) while waiting until ${what}`);
    if (performance.now() > end) throw new Error(`waited ${seconds} s in vain until ${what}`);
    await delay(20);
  }
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** SHA-256 of every file below `folder`, by relative path. */
function digests(folder: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(folder, entry);
    if (statSync(path).isFile()) found[entry] = createHash('sha256').update(readFileSync(path)).digest('hex');
  }
  return found;
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
const mib = (bytes: number) => `${(bytes / (1 << 20)).toFixed(1)} MiB`;
const relay = () => readFileSync(at('board/relay'), 'utf8').trim();

/** Python with the two packages the reader needs, or undefined. */
function python(): string | undefined {
  return ['/usr/bin/python3', 'python3'].find((program) => {
    try {
      execFileSync(program, ['-c', 'import cryptography, zstandard'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
}

function makeSources(): { main: string; feature: string } {
  mkdirSync(at('origin'));
  git(at('origin'), 'init', '--quiet');
  for (let commit = 1; commit <= 40; commit += 1) {
    writeFileSync(
      at('origin', `module-${commit % 7}.ts`),
      `export const revision = ${commit};\n${randomBytes(600).toString('hex')}\n`,
    );
    git(at('origin'), 'add', '.');
    git(at('origin'), 'commit', '--quiet', '-m', `Commit ${commit}`);
  }
  for (const branch of ['develop', 'feature/login', 'release/1.0']) git(at('origin'), 'branch', branch, 'HEAD~5');
  git(at('origin'), 'tag', '-a', 'v1.0', '-m', 'First release', 'HEAD~5');
  mkdirSync(at('documents/contracts'), { recursive: true });
  for (let index = 0; index < 300; index += 1) {
    writeFileSync(
      at('documents/contracts', `contract-${index}.txt`),
      `Contract ${index}\n${'All parties agree. '.repeat(index)}\n`,
    );
  }
  writeFileSync(at('documents/photo.raw'), randomBytes(6 << 20));
  const database = new Database(at('orders.db'));
  database.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, cents INTEGER)');
  const insert = database.prepare('INSERT INTO orders (customer, cents) VALUES (?, ?)');
  database.transaction(() => {
    for (let row = 0; row < 20_000; row += 1) insert.run(`customer ${row % 500}`, row * 7);
  })();
  database.close();
  return { main: git(at('origin'), 'rev-parse', 'main'), feature: git(at('origin'), 'rev-parse', 'feature/login') };
}

function writeConfiguration(): void {
  writeFileSync(at('webhook.secret'), `whsec_${webhookSecret}\n`, { mode: 0o600 });
  const dump = `const D = require(${JSON.stringify(join(ROOT, 'node_modules/better-sqlite3'))}); process.stdout.write(new D(${JSON.stringify(at('orders.db'))}, { readonly: true }).serialize());`;
  writeFileSync(
    at('portcullis.yaml'),
    JSON.stringify(
      {
        appliance: { name: 'demo', state: 'state', runtime: 'run', clock: 'system' },
        board: { driver: 'simulated', directory: 'board' },
        gate: { minOff: '1s', maxConnections: 1000, maxConnected: '24h' },
        windows: [{ name: 'demo', cron: '*/20 * * * * *', duration: '18s' }],
        vault: { store: { kind: 'directory', path: 'vault' } },
        sources: [
          { name: 'app', kind: 'git', url: at('origin') },
          { name: 'documents', kind: 'directory', path: 'documents' },
          { name: 'orders', kind: 'command', command: [process.execPath, '-e', dump], file: 'orders.db' },
        ],
        intake: {
          port: intakePort,
          sources: [
            {
              name: 'siem',
              format: 'json',
              auth: { scheme: 'standard-webhooks', secrets: [{ file: 'webhook.secret' }] },
              rules: [
                {
                  id: 'volume-delete',
                  reason: 'An agent deletes volumes.',
                  when: { path: ['data', 'action'], op: 'eq', value: 'volume.delete' },
                },
              ],
            },
          ],
        },
        web: { port: pagePort },
      },
      null,
      2,
    ),
  );
}

/** Sends a Standard Webhooks alert and returns what came back. */
async function alert(
  action: string,
  secret = webhookSecret,
): Promise<{ status: number; body: { tripped?: boolean; latencyMs?: number } }> {
  const id = `msg_${randomBytes(8).toString('hex')}`;
  const timestamp = String(Math.floor(Date.now() / 1000));
  const body = JSON.stringify({ type: 'agent.action', data: { action, agent: 'agent-7' } });
  const signature = createHmac('sha256', Buffer.from(secret, 'base64'))
    .update(`${id}.${timestamp}.${body}`)
    .digest('base64');
  const response = await fetch(`http://127.0.0.1:${intakePort}/alerts/siem`, {
    method: 'POST',
    headers: {
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signature}`,
      'content-type': 'application/json',
    },
    body,
  });
  const text = await response.text();
  return {
    status: response.status,
    body: text === '' ? {} : (JSON.parse(text) as { tripped?: boolean; latencyMs?: number }),
  };
}

async function cycle(): Promise<void> {
  step('Real input: a git repository with four branches, a directory, a SQLite database');
  const origin = makeSources();
  const documents = digests(at('documents'));
  fact(`main is ${origin.main}`);

  step('portcullis init: keys, latch, vault, and the recovery key, which goes offline');
  writeConfiguration();
  must('init', '--recovery-key', at('recovery.key'));
  must('config', 'check');
  fact(`recovery key in ${at('recovery.key')}; the appliance keeps no copy`);

  step('portcullis run: gate, intake and keeper under one supervisor');
  daemon = spawn(process.execPath, [PORTCULLIS, 'run', '--config', at('portcullis.yaml')], {
    stdio: ['ignore', 'ignore', process.env['DEMO_VERBOSE'] ? 'inherit' : 'ignore'],
  });
  await until('the gate answers through the page', 20, async () => (await status())?.gate);
  hold(relay() === '0', 'the relay is off');
  hold(!existsSync(at('vault')), 'the vault does not exist while isolated');
  fact(`page: http://127.0.0.1:${pagePort}/`);

  step('A scheduled window: seal while isolated, connect, ship, verify, isolate');
  const first = await until('a window has shipped every source', 60, async () => {
    const now = await status();
    const whole = now?.sources.every(({ lastSnapshot }) => lastSnapshot !== undefined) && now.lastWindow !== undefined;
    return whole && now.gate?.view.link === 'isolated' ? now : undefined;
  });
  for (const { name, lastSnapshot } of first.sources) {
    fact(
      `${name.padEnd(10)} snapshot ${lastSnapshot?.seq}: ${lastSnapshot?.files} files, ${mib(lastSnapshot?.bytes ?? 0)}`,
    );
  }
  const sealed = ledger()
    .filter(({ type }) => type === 'seal.done')
    .map(({ data }) => data as { bytes: number; newBytes: number });
  const [plain, cipher] = [
    sealed.reduce((sum, { bytes }) => sum + bytes, 0),
    sealed.reduce((sum, { newBytes }) => sum + newBytes, 0),
  ];
  fact(`${mib(plain)} sealed into ${mib(cipher)} (ratio ${(plain / cipher).toFixed(2)})`);
  fact(
    `window ${first.lastWindow?.name}: ${first.lastWindow?.outcome}, connected ${first.lastWindow?.connectedSeconds} s, ${mib(first.lastWindow?.bytes ?? 0)} shipped and read back`,
  );
  hold(first.lastWindow?.outcome === 'complete', 'the window was complete');
  hold(relay() === '0' && !existsSync(at('vault')), 'isolated again: relay off, vault gone');
  const firstTime = new Date(
    Math.max(...first.sources.map(({ lastSnapshot }) => lastSnapshot?.wall ?? 0)) + 1,
  ).toISOString();

  step('The origin is rewritten, and much new data arrives');
  git(at('origin'), 'checkout', '--quiet', 'main');
  git(at('origin'), 'reset', '--quiet', '--hard', 'HEAD~20');
  writeFileSync(at('origin/module-1.ts'), '// rewritten by an agent\n');
  git(at('origin'), 'commit', '--quiet', '-am', 'Force-pushed over the history');
  git(at('origin'), 'branch', '--quiet', '-D', 'feature/login');
  for (let index = 0; index < BULK_MIB / 8; index += 1)
    writeFileSync(at('documents', `bulk-${index}.bin`), randomBytes(8 << 20));
  fact(`main is now ${git(at('origin'), 'rev-parse', 'main')}; ${BULK_MIB} MiB of new files`);

  step('A second window is cut in the middle of shipping by a signed webhook');
  const wrong = await alert('volume.delete', randomBytes(32).toString('base64'));
  hold(
    wrong.status === 401 && (await status())?.gate?.view.latch.kind === 'clear',
    'a wrong signature is refused and changes nothing',
  );
  const harmless = await alert('volume.list');
  hold(
    harmless.status === 202 && harmless.body.tripped === false,
    'an authentic alert that matches no rule does not trip',
  );
  const during = await until('the second window is shipping', 90, async () => {
    const now = await status();
    const shipping = now?.sources.find(({ name, state }) => name === 'documents' && state === 'shipping');
    const bytes = shipping?.progress?.bytes ?? 0;
    return bytes > 16 << 20 ? bytes : undefined;
  });
  hold(relay() === '1', 'the relay is energised while it ships');
  const asked = performance.now();
  const answerTo = alert('volume.delete');
  while (relay() !== '0' && performance.now() - asked < 5000) await delay(1);
  const off = performance.now() - asked;
  const answer = await answerTo;
  hold(answer.status === 202 && answer.body.tripped === true, 'the alert tripped the gate');
  fact(
    `received → de-energise commanded: ${answer.body.latencyMs?.toFixed(2)} ms; sent → the board reads off: ${off.toFixed(1)} ms`,
  );
  const cut = await until('the cut window is recorded', 30, async () => {
    const now = await status();
    return now?.lastWindow?.outcome === 'cut' ? now : undefined;
  });
  fact(`cut after ${mib(during)} of the batch; connected ${cut.lastWindow?.connectedSeconds} s`);
  hold(!existsSync(at('vault')), 'the vault is gone');

  step('Lockout: connecting is refused until somebody resets it at the box');
  hold(
    cut.gate?.view.latch.kind === 'lockout',
    `lockout: ${cut.gate?.view.latch.kind === 'lockout' ? cut.gate.view.latch.cause.reason : ''}`,
  );
  const refused = portcullis('connect', '--for', '10s', '--reason', 'demo');
  hold(refused.code === 3, `portcullis connect exits 3: ${refused.err.split('\n')[0]}`);
  hold(readFileSync(at('board/led'), 'utf8').trim() === 'fast-red', 'the LED blinks fast red');
  must('board', 'press', '5300');
  await until('the reset is durable', 5, async () =>
    (await status())?.gate?.view.latch.kind === 'clear' ? true : undefined,
  );
  hold(relay() === '0', 'held for 5.3 s and released: reset, and still isolated');

  step('The next window finishes what was cut');
  const finished = await until('a window has shipped the rest', 60, async () => {
    const now = await status();
    return now?.lastWindow?.outcome === 'complete' && now.gate?.view.link === 'isolated' ? now : undefined;
  });
  fact(`${mib(finished.lastWindow?.bytes ?? 0)} in ${finished.lastWindow?.connectedSeconds} s connected`);

  step('Restore from the first snapshots, with the offline key, the disk on another machine');
  const disk = ['--store', at('board/disk'), '--key', at('recovery.key')];
  must('restore', ...disk, '--at', firstTime, '--source', 'app', '--branch', 'main', '--to', at('restored/main.git'));
  git(home, 'clone', '--quiet', at('restored/main.git'), at('restored/main'));
  hold(git(at('restored/main'), 'rev-parse', 'HEAD') === origin.main, `main as it was: ${origin.main}`);
  must(
    'restore',
    ...disk,
    '--at',
    firstTime,
    '--source',
    'app',
    '--branch',
    'feature/login',
    '--to',
    at('restored/feature.bundle'),
  );
  git(home, 'clone', '--quiet', '--branch', 'feature/login', at('restored/feature.bundle'), at('restored/feature'));
  hold(
    git(at('restored/feature'), 'rev-parse', 'HEAD') === origin.feature,
    'the deleted branch is back, from a bundle',
  );
  must(
    'restore',
    ...disk,
    '--at',
    firstTime,
    '--source',
    'documents',
    '--path',
    'photo.raw',
    '--to',
    at('restored/photo'),
  );
  hold(same(digests(at('restored/photo'))['photo.raw'], documents['photo.raw']), 'one file, byte for byte');
  must('restore', ...disk, '--at', firstTime, '--source', 'orders', '--to', at('restored/orders'));
  const restored = new Database(at('restored/orders/orders.db'), { readonly: true });
  const { sum } = restored.prepare('SELECT sum(cents) AS sum FROM orders').get() as { sum: number };
  restored.close();
  hold(sum === 1_399_930_000, `the restored database adds up: ${sum} cents`);

  step('Everything in the vault is verified');
  fact(
    must('verify', ...disk, '--read-data')
      .trim()
      .split('\n')
      .at(-1) ?? '',
  );
  const program = python();
  if (program === undefined) {
    fact('skipped: the reader in Python needs the packages cryptography and zstandard');
    fact('(on Debian: apt-get install python3-cryptography python3-zstandard)');
  } else {
    must('restore', ...disk, '--at', firstTime, '--source', 'documents', '--to', at('restored/documents'));
    const snapshot = first.sources.find(({ name }) => name === 'documents')?.lastSnapshot?.seq;
    execFileSync(
      program,
      [
        READER,
        '--store',
        at('board/disk'),
        '--key',
        at('recovery.key'),
        'restore',
        String(snapshot),
        at('restored/by-python'),
      ],
      { stdio: 'pipe' },
    );
    hold(same(digests(at('restored/documents')), documents), 'the daemon restored the directory byte for byte');
    hold(
      same(digests(at('restored/by-python')), documents),
      'the reader in Python, from the format document alone, agrees',
    );
  }

  step('The ledger');
  fact(must('ledger', 'verify').trim());
}

interface Entry {
  readonly type: string;
  readonly data: unknown;
}

function ledger(): Entry[] {
  return must('ledger', 'export')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Entry);
}

function stop(): Promise<void> {
  const running = daemon;
  if (running === undefined || running.exitCode !== null || running.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    running.once('exit', () => resolve());
    running.kill('SIGTERM');
  });
}

let leaving = false;
async function leave(code: number): Promise<void> {
  if (leaving) process.exit(1);
  leaving = true;
  await stop();
  if (code === 0) rmSync(home, { recursive: true, force: true });
  else console.log(`Everything is still in ${home}.`);
  process.exit(code);
}
process.on('SIGINT', () => void leave(0));
process.on('SIGTERM', () => void leave(0));

const began = performance.now();
try {
  await cycle();
  console.log(`\nEvery step held, in ${((performance.now() - began) / 1000).toFixed(0)} s.`);
} catch (error) {
  console.error(`\nStep ${steps} ${error instanceof Error ? error.message : String(error)}`);
  await leave(1);
}
if (once) await leave(0);
console.log(`
It stays up for you to play with, until Ctrl-C:
  page    http://127.0.0.1:${pagePort}/
  board   ${at('board')}   (relay, led, feedback; write 1 and 0 into button)
  command export PORTCULLIS_CONFIG=${at('portcullis.yaml')}
          node ${PORTCULLIS} status`);
