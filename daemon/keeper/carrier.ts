import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { errnoOf, reasonOf } from '../base/errors.ts';
import { Alarm, type Finding, type LinkProof, OFTEN_MS, SELDOM_MS } from './link-proofs.ts';

/** Where the kernel shows what it knows of its network interfaces. */
const SYSFS = '/sys/class/net';
/** Prints a line whenever any interface changes. */
const MONITOR = ['ip', '-o', 'monitor', 'link'];

/** A read of sysfs that takes longer than this says nothing. */
const READ_MS = 2000;
/** How often is looked where nobody says that something changed. */
const UNTOLD_MS = 2000;
const RESTART_MS = 1000;
const LONGEST_RESTART_MS = 60_000;
/** A monitor that has lived for this long works. */
const PROVEN_MS = 10_000;

/**
 * The carrier of one network interface, as the kernel has it: a cable with somebody at its other end. `ip monitor` says
 * when to look, and a look now and then finds what it missed.
 */
export class Carrier implements LinkProof {
  readonly #name: string;
  readonly #directory: string;
  readonly #wake: Wake;
  readonly #alarm: Alarm;
  #changed: (() => void) | undefined;
  #finding: Finding = { reading: 'unknown' };
  #told: Finding = this.#finding;
  #often = false;
  #reading = false;
  /** Something may have changed since the last read began. */
  #wanted = false;

  constructor(name: string, clock: Clock, directory = SYSFS, monitor: readonly string[] = MONITOR) {
    this.#name = name;
    this.#directory = directory;
    this.#wake = new Wake(monitor, clock, () => this.#look());
    this.#alarm = new Alarm(clock);
  }

  find(): Finding {
    if (this.#finding.caveat !== undefined || !this.#wake.deaf) return this.#finding;
    return {
      ...this.#finding,
      caveat: '`ip monitor` does not run: changes of the carrier are seen up to 2 s late. Install iproute2.',
    };
  }

  start(changed: () => void): void {
    this.#changed = changed;
    this.#wake.start();
    this.#look();
  }

  look(often: boolean): void {
    this.#often = often;
    if (this.#changed !== undefined) this.#look();
  }

  stop(): void {
    this.#changed = undefined;
    this.#alarm.clear();
    this.#wake.stop();
  }

  #look(): void {
    this.#wanted = true;
    if (!this.#reading) void this.#readWhileWanted();
  }

  /** One read at a time, however many are wanted: one that hangs holds one of the few threads in which files are read. */
  async #readWhileWanted(): Promise<void> {
    this.#reading = true;
    while (this.#wanted && this.#changed !== undefined) {
      this.#wanted = false;
      this.#alarm.set(READ_MS, () => this.#conclude(unknown(this.#name, `no answer in ${READ_MS / 1000} s`)));
      const finding = await readCarrier(this.#name, this.#directory);
      if (this.#changed !== undefined) this.#conclude(finding);
    }
    this.#reading = false;
    const pace = this.#often ? OFTEN_MS : this.#wake.deaf ? UNTOLD_MS : SELDOM_MS;
    if (this.#changed !== undefined) this.#alarm.set(pace, () => this.#look());
  }

  #conclude(finding: Finding): void {
    this.#finding = finding;
    const { reading, caveat } = this.#told;
    this.#told = this.find();
    if (this.#told.reading !== reading || this.#told.caveat !== caveat) this.#changed?.();
  }
}

/** What the kernel says of the carrier of interface `name`, now. Never rejects. */
export async function readCarrier(name: string, directory = SYSFS): Promise<Finding> {
  try {
    const text = await readFile(`${directory}/${name}/carrier`, 'utf8');
    return { reading: text.trim() === '1' ? 'alive' : 'dead' };
  } catch (error) {
    return unknown(name, errnoOf(error) ?? reasonOf(error));
  }
}

/** The kernel answers EINVAL while an interface is administratively down: then it does not look at the cable. */
function unknown(name: string, why: string): Finding {
  const caveat =
    why === 'EINVAL'
      ? `The network interface ${name} is down, so its carrier says nothing: bring it up, and keep it up.`
      : why === 'ENOENT'
        ? `There is no network interface ${name}, whose carrier is to be a proof.`
        : `The carrier of ${name} cannot be read: ${why}.`;
  return { reading: 'unknown', caveat };
}

/**
 * Runs a program that prints whenever something may have changed, and runs it again when it ends. It dies with us by its
 * closed output, at the next thing it would print.
 */
class Wake {
  readonly #command: readonly string[];
  readonly #clock: Clock;
  readonly #woken: () => void;
  readonly #alarm: Alarm;
  #end: (() => void) | undefined;
  #restartMs = RESTART_MS;
  #deaf = false;

  constructor(command: readonly string[], clock: Clock, woken: () => void) {
    this.#command = command;
    this.#clock = clock;
    this.#woken = woken;
    this.#alarm = new Alarm(clock);
  }

  /** It has ended and not yet begun again: nobody says when something changes. */
  get deaf(): boolean {
    return this.#deaf;
  }

  start(): void {
    const [program = '', ...args] = this.#command;
    const began = this.#clock.monotonic();
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    child.once('spawn', () => {
      this.#deaf = false;
      this.#woken();
    });
    // Where no pipe can be made there is no output either, only the error.
    child.stdout?.on('data', () => this.#woken());
    const ended = () => {
      if (this.#end !== end) return;
      this.#end = undefined;
      this.#deaf = true;
      if (this.#clock.monotonic() - began >= PROVEN_MS) this.#restartMs = RESTART_MS;
      this.#alarm.set(this.#restartMs, () => this.start());
      this.#restartMs = Math.min(LONGEST_RESTART_MS, this.#restartMs * 2);
      this.#woken();
    };
    const end = () => void child.kill();
    this.#end = end;
    child.once('error', ended);
    child.once('exit', ended);
  }

  stop(): void {
    this.#alarm.clear();
    const end = this.#end;
    this.#end = undefined;
    end?.();
  }
}
