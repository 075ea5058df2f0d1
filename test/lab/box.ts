import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { delay, systemClock } from '../../daemon/base/clock.ts';
import type { GateView } from '../../daemon/base/protocol.ts';
import { awaitView, requestPresence } from '../../daemon/cli/sockets.ts';
import { SIM_LABEL } from '../board/sim.ts';
import { BUTTON, CONTACT, HEARTBEAT, RELAYS } from './bench.ts';

const run = promisify(execFile);

export const CONFIG = '/etc/portcullis/portcullis.yaml';
export const RUNTIME = '/run/portcullis';
/** The installed product, as scripts/lab/inside has unpacked it. */
export const PORTCULLIS = '/usr/lib/portcullis/dist/main/portcullis.js';
export const DRIVERS = ['gpiochip', 'onoff'] as const;
export type Driver = (typeof DRIVERS)[number];
const UNITS = ['gate', 'intake', 'keeper'] as const;
export type Unit = (typeof UNITS)[number];

/** What the monitoring of this lab signs with. */
export const ALERT_SECRET = randomBytes(32);
const ALERT_SECRET_FILE = '/etc/portcullis/alert.secret';

/** How long a finger presses, and stays away after: well over what counts as a press, and as none. */
const PRESS_MS = 300;
const AWAY_MS = 100;
/** For a lab that has gone wrong, on a machine that is slow. */
const PATIENCE_MS = 120_000;

/** Whatever moves a pin that the gate reads. */
export interface Finger {
  order(text: string): void;
}

const line = (driver: Driver, number: number) => ({ driver, chip: SIM_LABEL, line: number });
const input = (driver: Driver, number: number, active: 'low' | 'high') => ({
  ...line(driver, number),
  active,
  ...(driver === 'gpiochip' ? { bias: 'none' } : {}),
});

interface Build {
  readonly heartbeat?: boolean;
  /** Always inside a window, so that nobody has to press; otherwise never. */
  readonly open?: boolean;
}

/** The recommended build of docs/hardware.md, with a lab's limits. */
function configuration(driver: Driver, { heartbeat = true, open = false }: Build) {
  const [relay, relay2] = RELAYS;
  return {
    appliance: { clock: 'system' },
    board: {
      driver: 'hardware',
      relay: line(driver, relay),
      relay2: line(driver, relay2),
      contacts: [input(driver, CONTACT, 'low')],
      button: input(driver, BUTTON, 'high'),
      ...(heartbeat ? { heartbeat: line(driver, HEARTBEAT) } : {}),
      led: { red: line(driver, 23), green: line(driver, 24), blue: line(driver, 12) },
    },
    gate: { minOff: '0s', maxConnections: 1440, maxConnected: '24h' },
    windows: [
      open
        ? { name: 'ever', cron: '0 0 * * *', duration: '24h' }
        : { name: 'never', cron: '0 3 29 2 *', duration: '1s' },
    ],
    vault: { store: { kind: 'directory', path: '/srv/vault' } },
    sources: [{ name: 'documents', kind: 'directory', path: '/srv/documents' }],
    intake: {
      sources: [
        {
          name: 'siem',
          format: 'json',
          auth: { scheme: 'standard-webhooks', secrets: [{ file: ALERT_SECRET_FILE }] },
          rules: [
            { id: 'destroy', reason: 'An agent destroys.', when: { path: ['action'], op: 'eq', value: 'destroy' } },
          ],
        },
      ],
    },
  };
}

export interface Ran {
  readonly code: number;
  readonly out: string;
}

/** The appliance as it is installed in the virtual machine: the real units, and a configuration that `init` has made. */
export class Box {
  readonly #finger: Finger;
  /** Settled once no finger is on the button: a press that begins before another has ended is none. */
  #pressed = Promise.resolve();

  constructor(finger: Finger) {
    this.#finger = finger;
  }

  /** A new appliance. Whatever ran before is stopped, and nothing runs yet. */
  async install(driver: Driver, build: Build = {}): Promise<void> {
    await this.stop();
    for (const path of ['/srv/vault', '/srv/documents', '/etc/portcullis', '/run/portcullis'])
      rmSync(path, { recursive: true, force: true });
    execFileSync('sh', ['-c', 'rm -rf /var/lib/portcullis/* && mkdir -p /etc/portcullis /srv/documents']);
    writeFileSync('/srv/documents/one', 'one');
    writeFileSync(CONFIG, JSON.stringify(configuration(driver, build)));
    // Read by root's command line and by intake's own user.
    writeFileSync(ALERT_SECRET_FILE, `whsec_${ALERT_SECRET.toString('base64')}\n`, { mode: 0o640 });
    execFileSync('chgrp', ['portcullis-intake', ALERT_SECRET_FILE]);
    const { code, out } = await this.cli(
      'init',
      '--recovery-key',
      '/etc/portcullis/recovery.key',
      '--vault',
      '/srv/vault',
    );
    if (code !== 0) throw new Error(`init failed: ${out}`);
  }

  /** Settings beside those of the unit; none takes them away again. They count from the next start. */
  async override(unit: Unit, settings: readonly string[]): Promise<void> {
    const folder = `/run/systemd/system/portcullis-${unit}.service.d`;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/lab.conf`, `[Service]\n${settings.join('\n')}\n`);
    await run('systemctl', ['daemon-reload']);
  }

  async start(units: readonly Unit[] = UNITS): Promise<void> {
    await run('systemctl', ['start', ...units.map((unit) => `portcullis-${unit}`)]);
  }

  async stop(): Promise<void> {
    await run('systemctl', ['stop', ...UNITS.map((unit) => `portcullis-${unit}`)]);
  }

  async pid(unit: Unit): Promise<number> {
    const { stdout } = await run('systemctl', ['show', '-p', 'MainPID', '--value', `portcullis-${unit}`]);
    const pid = Number(stdout);
    // 0 would be this very process and all that began with it.
    if (!(pid > 1)) throw new Error(`${unit} does not run`);
    return pid;
  }

  cli(...args: string[]): Promise<Ran> {
    return new Promise((resolve) => {
      execFile(process.execPath, [PORTCULLIS, ...args, '--config', CONFIG], (error, out, err) =>
        resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, out: out + err }),
      );
    });
  }

  async shell(command: string): Promise<Ran> {
    return new Promise((resolve) => {
      execFile('sh', ['-c', command], (error, out, err) => resolve({ code: error === null ? 0 : 1, out: out + err }));
    });
  }

  /** Resolves when none of our processes is left, whoever started them. */
  async gone(): Promise<void> {
    while ((await this.shell('pgrep -f "[d]ist/main/"')).out.trim() !== '') await delay(systemClock, 50);
  }

  async #press(): Promise<void> {
    this.#finger.order(`pull ${BUTTON} 1`);
    await delay(systemClock, PRESS_MS);
    this.#finger.order(`pull ${BUTTON} 0`);
    await delay(systemClock, AWAY_MS);
  }

  /** Asks, presses, and resolves once the gate has measured the link to be alive. The keeper holds the lease. */
  async connect(seconds = 30): Promise<void> {
    await this.#persist(async () => {
      const signal = AbortSignal.timeout(20_000);
      await this.#ask({ verb: 'connect', reason: 'lab', seconds }, signal);
      const over = (view: GateView) =>
        view.link === 'connected' || (view.link === 'isolated' && view.presence.kind === 'none');
      const view = await awaitView(RUNTIME, over, signal);
      if (view.link !== 'connected') throw new Error(`it did not connect: ${view.why}`);
    });
  }

  /** Out of lockout or fault. */
  async reset(): Promise<void> {
    await this.#persist(async () => {
      const signal = AbortSignal.timeout(20_000);
      await this.#ask({ verb: 'reset', reason: 'lab' }, signal);
      await awaitView(RUNTIME, (view) => view.latch.kind === 'clear', signal);
    });
  }

  /** Whatever a test before has left: no weld, no finger, no latch. */
  async tidy(): Promise<void> {
    this.#finger.order('weld 0');
    this.#finger.order(`pull ${BUTTON} 0`);
    const { view } = await this.sees(() => true);
    if (view.latch.kind !== 'clear') await this.reset();
  }

  /** Resolves with the view that fits, and when it came. A gate that is not there is waited for. */
  async sees(fits: (view: GateView) => boolean): Promise<{ view: GateView; at: number }> {
    let seen: GateView | undefined;
    await this.#persist(async () => {
      seen = await awaitView(RUNTIME, fits, AbortSignal.timeout(PATIENCE_MS));
    });
    if (seen === undefined) throw new Error('no view came');
    return { view: seen, at: systemClock.monotonic() };
  }

  async #ask(
    request: { verb: 'connect' | 'reset'; reason: string; seconds?: number },
    signal: AbortSignal,
  ): Promise<void> {
    await this.#pressed;
    await requestPresence(
      RUNTIME,
      request,
      () => {
        this.#pressed = this.#press();
      },
      signal,
    );
    await this.#pressed;
  }

  /** After a death it takes a while until everybody is back and has found the others. */
  async #persist(act: () => Promise<void>): Promise<void> {
    const until = systemClock.monotonic() + PATIENCE_MS;
    for (;;) {
      try {
        return await act();
      } catch (error) {
        if (systemClock.monotonic() > until) throw error;
        await delay(systemClock, 100);
      }
    }
  }
}
