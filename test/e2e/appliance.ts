import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { KeeperStatus } from '../../daemon/keeper/ports.ts';
import { freePort } from '../free-port.ts';

export const PORTCULLIS = fileURLToPath(new URL('../../dist/main/portcullis.js', import.meta.url));

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Setup {
  readonly sources: readonly Record<string, unknown>[];
  readonly windows?: readonly Record<string, unknown>[];
  readonly gate?: Record<string, unknown>;
  /** A second door. */
  readonly uplink?: boolean;
  readonly alerts?: readonly Record<string, unknown>[];
  readonly notify?: Record<string, unknown>;
}

/** Never a window: 30 January of a year far away would be refused, so once a year in the night will do. */
export const NO_WINDOW = { name: 'never', cron: '0 3 29 2 *', duration: '1s' };
/** Ten seconds apart, nine long. */
export const OFTEN = { name: 'often', cron: '*/10 * * * * *', duration: '9s' };

/** A whole appliance with the simulated board, in a folder of its own, run by the compiled daemon. */
export class Appliance {
  readonly home = mkdtempSync(join(tmpdir(), 'pc-'));
  readonly secret = randomBytes(32).toString('base64');
  #daemon: ChildProcess | undefined;
  pagePort = 0;
  intakePort = 0;
  log = '';

  at(...parts: string[]): string {
    return join(this.home, ...parts);
  }

  /** Writes the configuration and runs `init`. */
  async create(setup: Setup): Promise<void> {
    this.pagePort = await freePort();
    this.intakePort = await freePort();
    writeFileSync(this.at('webhook.secret'), `whsec_${this.secret}\n`, { mode: 0o600 });
    this.configure(setup);
    const { code, err } = await this.cli('init', '--recovery-key', this.at('recovery.key'));
    if (code !== 0) throw new Error(`init failed: ${err}`);
  }

  configure(setup: Setup): void {
    const rules = [
      { id: 'destroy', reason: 'An agent destroys.', when: { path: ['data', 'action'], op: 'eq', value: 'destroy' } },
    ];
    const config = {
      appliance: { state: 'state', runtime: 'run', clock: 'system' },
      board: { driver: 'simulated', directory: 'board', ...(setup.uplink ? { uplink: true } : {}) },
      gate: { minOff: '0s', maxConnections: 1000, maxConnected: '24h', ...setup.gate },
      windows: setup.windows ?? [OFTEN],
      vault: { store: { kind: 'directory', path: 'vault' } },
      sources: setup.sources,
      intake: {
        port: this.intakePort,
        sources: setup.alerts ?? [
          {
            name: 'siem',
            format: 'json',
            auth: { scheme: 'standard-webhooks', secrets: [{ file: 'webhook.secret' }] },
            rules,
          },
        ],
      },
      web: { port: this.pagePort },
      ...(setup.notify ? { notify: setup.notify } : {}),
    };
    writeFileSync(this.at('portcullis.yaml'), JSON.stringify(config, null, 2));
  }

  /** Starts `portcullis run` and waits until the gate, the keeper, the page and intake answer. */
  async start(): Promise<void> {
    const daemon = spawn(process.execPath, [PORTCULLIS, 'run', '--config', this.at('portcullis.yaml')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#daemon = daemon;
    daemon.stderr.on('data', (chunk: Buffer) => {
      this.log += chunk.toString('utf8');
    });
    await this.until('the gate answers through the keeper', 20, async () => {
      if (daemon.exitCode !== null) throw new Error(`the daemon ended with ${daemon.exitCode}`);
      return (await this.status())?.gate;
    });
    await this.until('intake answers', 20, async () => {
      const answer = await fetch(`http://127.0.0.1:${this.intakePort}/healthz`).catch(() => undefined);
      return answer?.ok === true ? true : undefined;
    });
  }

  /** Ends the daemon politely and waits for it. */
  async stop(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
    await new Promise<void>((resolve) => {
      daemon.once('exit', () => resolve());
      daemon.kill('SIGTERM');
    });
  }

  /** Ends everything, the board included, and removes the folder. */
  async destroy(): Promise<void> {
    await this.stop();
    for (const pid of this.processes('')) kill(pid, 'SIGKILL');
    rmSync(this.home, { recursive: true, force: true });
  }

  cli(...args: string[]): Promise<Ran> {
    return new Promise((resolve) => {
      execFile(
        process.execPath,
        [PORTCULLIS, ...args, '--config', this.at('portcullis.yaml')],
        { maxBuffer: 64 << 20 },
        (error, out, err) =>
          resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, out, err }),
      );
    });
  }

  async status(): Promise<KeeperStatus | undefined> {
    try {
      return (await (await fetch(`http://127.0.0.1:${this.pagePort}/api/v1/status`)).json()) as KeeperStatus;
    } catch {
      return undefined;
    }
  }

  relay(): string {
    return readFileSync(this.at('board', 'relay'), 'utf8').trim();
  }

  vaultIsThere(): boolean {
    return existsSync(this.at('vault'));
  }

  /** Looks until `look` has an answer. The limit is for a test that has gone wrong, not a claim. */
  async until<T>(what: string, seconds: number, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
    const end = performance.now() + seconds * 1000;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (performance.now() > end)
        throw new Error(`waited ${seconds} s in vain until ${what}\n${this.log.slice(-3000)}`);
      await delay(5);
    }
  }

  /** Pids of our processes whose command line names `main/<name>.js` and this appliance, however they were started. */
  processes(name: string): number[] {
    const ours = new Set<number>();
    const all = readdirSync('/proc').map(Number).filter(Number.isInteger);
    const info = new Map(all.map((pid) => [pid, describe(pid)]));
    for (const [pid, { command }] of info) if (command.includes(this.home)) ours.add(pid);
    // Jobs carry no path of ours: they are the children of the keeper.
    for (const [pid, { parent }] of info) if (ours.has(parent)) ours.add(pid);
    return [...ours].filter(
      (pid) => pid !== process.pid && (name === '' || info.get(pid)?.command.includes(`main/${name}.js`)),
    );
  }

  /** Connects off schedule, with the button, and waits until the gate has measured it. */
  async connect(seconds: number): Promise<void> {
    const asked = this.cli('connect', '--for', `${seconds}s`, '--reason', 'test');
    await this.until('the request is announced', 10, async () =>
      (await this.status())?.gate?.view.presence.kind === 'pending' ? true : undefined,
    );
    await this.press(300);
    const { code, err } = await asked;
    if (code !== 0) throw new Error(`connect failed: ${err}`);
  }

  /** Applies the configuration, and presses where that is asked for. */
  async accept(): Promise<Ran> {
    const applied = this.cli('config', 'apply');
    let ended = false;
    void applied.then(() => {
      ended = true;
    });
    const asked = await this.until('the rules are in force or announced', 10, async () =>
      (await this.status())?.gate?.view.presence.kind === 'pending' ? 'pending' : ended ? 'ended' : undefined,
    );
    if (asked === 'pending') await this.press(300);
    return applied;
  }

  async press(ms: number): Promise<void> {
    const { code, err } = await this.cli('board', 'press', String(ms));
    if (code !== 0) throw new Error(`press failed: ${err}`);
  }

  /** Sends a Standard Webhooks alert. */
  async alert(action: string, secret = this.secret): Promise<{ status: number; body: Record<string, unknown> }> {
    const id = `msg_${randomBytes(8).toString('hex')}`;
    const timestamp = String(Math.floor(Date.now() / 1000));
    const body = JSON.stringify({ data: { action } });
    const signature = createHmac('sha256', Buffer.from(secret, 'base64'))
      .update(`${id}.${timestamp}.${body}`)
      .digest('base64');
    const response = await fetch(`http://127.0.0.1:${this.intakePort}/alerts/siem`, {
      method: 'POST',
      headers: { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` },
      body,
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
  }

  /** Entries of the ledger, oldest first. */
  async ledger(): Promise<{ seq: number; type: string; data: Record<string, unknown> }[]> {
    const { out } = await this.cli('ledger', 'export');
    return out
      .trim()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }

  /** A folder below home with `files` files of `bytes` random bytes each. */
  folder(name: string, files: number, bytes: number): string {
    mkdirSync(this.at(name), { recursive: true });
    for (let index = 0; index < files; index += 1) writeFileSync(this.at(name, `file-${index}`), randomBytes(bytes));
    return this.at(name);
  }
}

function describe(pid: number): { command: string; parent: number } {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return { command, parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) };
  } catch {
    return { command: '', parent: 0 };
  }
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}
