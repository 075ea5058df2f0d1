import { spawn } from 'node:child_process';
import { existsSync, type FSWatcher, statSync, watch } from 'node:fs';
import { type Clock, delay } from '../base/clock.ts';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import type { LedPattern, Reading } from '../base/protocol.ts';
import type { Board, BoardReading, Wiring } from '../gate/board.ts';
import { boardDirectory, diskOf, readValue, type ValueFile, writeValue } from './files.ts';
import { Line } from './line.ts';
import { breakLink, endHolders } from './vault-link.ts';

/** How long a new board process may take until it answers. */
const BOOT_MS = 15_000;
const BOOT_POLL_MS = 10;

export interface SimulatedBoardOptions {
  /** Directory of one-value files; made if need be. */
  readonly directory: string;
  /** Path of the vault: it exists only while the contact is made. */
  readonly vault: string;
  /** Whether it has a network door. */
  readonly uplink: boolean;
  /** Program and arguments that start the board's own process; the directory is added as the last argument. */
  readonly command: readonly [string, ...string[]];
  readonly clock: Clock;
}

/** Driver for the simulated board. The board is a detached process, which outlives this one long enough to drop the relay. */
export class SimulatedBoard implements Board {
  readonly caveats = ['The board is simulated: its relay isolates a directory of this machine, and no cable.'];
  readonly wiring: Pick<Wiring, 'relays' | 'uplink' | 'supply'>;
  readonly #options: SimulatedBoardOptions;
  #directory = '';
  #line: Line | undefined;
  #watcher: FSWatcher | undefined;
  #listener: ((pressed: boolean, at: number) => void) | undefined;
  #pressed: boolean | undefined;
  /** What this driver has commanded: never both. */
  #commanded: 'none' | 'vault' | 'uplink' = 'none';
  #attempts = 0;

  constructor(options: SimulatedBoardOptions) {
    this.#options = options;
    this.wiring = { relays: 2, uplink: options.uplink, supply: true };
  }

  async start(): Promise<void> {
    const { directory, vault, uplink } = this.#options;
    this.#commanded = 'none';
    if (vault.includes('\n')) throw new PortcullisError('gate.board', 'The path of the vault contains a line break.');
    try {
      this.#directory = boardDirectory(directory);
    } catch (error) {
      throw new PortcullisError('gate.board', `The simulated board has no directory: ${reasonOf(error)}.`, {
        cause: error,
      });
    }
    try {
      const line = await this.#reach();
      this.#line = line;
      line.onClosed(() => {
        // Only a board that is gone by itself: stop() lets the line go first.
        if (this.#line === line) this.#fallen();
      });
      await line.ask('relay 0', 'relay 0');
      if (uplink) await line.ask('uplink 0', 'uplink 0');
      await line.ask(`vault ${vault}`, 'vault');
    } catch (error) {
      await this.stop();
      this.#fallen();
      throw error;
    }
    this.#watcher = watch(this.#directory, (_event, file) => {
      if (file === 'button') this.#senseButton();
    });
    this.#watcher.on('error', () => {});
    this.#senseButton();
  }

  drive(energised: boolean, only?: 1 | 2): void {
    const command = only === undefined ? 'relay 1' : `relay 1 only ${only}`;
    this.#command('vault', energised, energised ? command : 'relay 0');
  }

  driveUplink(energised: boolean): void {
    if (!this.#options.uplink) throw new PortcullisError('gate.board', 'This board has no uplink.');
    this.#command('uplink', energised, energised ? 'uplink 1' : 'uplink 0');
  }

  get attempts(): number {
    return this.#attempts;
  }

  read(): BoardReading {
    // Whatever the watcher may have missed.
    this.#senseButton();
    this.#attempts++;
    return {
      contact: this.#measured('feedback'),
      device: this.#readDevice(),
      contacts: [this.#measured('contact1'), this.#measured('contact2')],
      ...(this.#options.uplink ? { uplink: this.#measured('uplink.feedback') } : {}),
      supply: this.#measured('supply'),
    };
  }

  show(pattern: LedPattern): void {
    this.#sendIfPossible(`led ${pattern}`);
  }

  beat(): void {
    this.#sendIfPossible('beat');
  }

  onButton(listener: (pressed: boolean, at: number) => void): void {
    this.#listener = listener;
    this.#pressed = undefined;
    this.#senseButton();
  }

  /** A dead board shows itself in `drive` and `read`. */
  onFault(): void {}

  async stop(): Promise<void> {
    this.#watcher?.close();
    this.#watcher = undefined;
    const line = this.#line;
    this.#line = undefined;
    // A board that does not answer any more drops the relay when the line is let go.
    await line?.ask('relay 0', 'relay 0').catch(() => {});
    if (this.#options.uplink) await line?.ask('uplink 0', 'uplink 0').catch(() => {});
    this.#commanded = 'none';
    line?.close();
  }

  #command(door: 'vault' | 'uplink', energised: boolean, command: string): void {
    const line = this.#line;
    if (line === undefined) throw new PortcullisError('gate.board', 'The simulated board has not been started.');
    if (!energised) {
      if (this.#commanded === door) this.#commanded = 'none';
      line.send(command);
      return;
    }
    // The last line of defence beneath the gate: what must not be asked for leaves everything off.
    if (this.#commanded !== 'none' && this.#commanded !== door) {
      this.#sendIfPossible('relay 0');
      this.#sendIfPossible('uplink 0');
      const other = this.#commanded;
      this.#commanded = 'none';
      throw new PortcullisError('gate.board', `The ${other} is commanded on: the ${door} is not connected beside it.`);
    }
    this.#commanded = door;
    line.send(command);
  }

  #measured(file: ValueFile): Reading {
    // Nobody writes the files any more once the board is gone: they would tell what was.
    const value = this.#line?.alive ? readValue(this.#directory, file) : undefined;
    return value === '1' ? 'alive' : value === '0' ? 'dead' : 'unknown';
  }

  /** Connects to the board, which is started first unless one is alive. */
  async #reach(): Promise<Line> {
    const { command, clock } = this.#options;
    const [program, ...args] = command;
    const deadline = clock.monotonic() + BOOT_MS;
    let spawned = false;
    let failure: string | undefined;
    for (;;) {
      const line = await Line.open(this.#directory, clock);
      if (line !== undefined) return line;
      if (!spawned) {
        spawned = true;
        // Its own session and no shared descriptor: what ends this process, its group or its terminal leaves it running.
        const child = spawn(program, [...args, this.#directory], { detached: true, stdio: 'ignore' });
        child.once('error', (error) => {
          failure = reasonOf(error);
        });
        child.once('exit', (status, signal) => {
          // Status 0: another one was quicker and is about to answer.
          if (status !== 0) failure = `it ended with ${signal ?? `status ${status}`}`;
        });
        child.unref();
      }
      if (clock.monotonic() > deadline) failure ??= `no answer in ${BOOT_MS} ms`;
      if (failure !== undefined)
        throw new PortcullisError(
          'gate.board',
          `The simulated board in ${this.#directory} does not start: ${failure}.`,
        );
      await delay(clock, BOOT_POLL_MS);
    }
  }

  /** There is no board, or a mute one. A coil without current drops; nobody is left to show it but this end. */
  #fallen(): void {
    try {
      const disk = diskOf(this.#directory);
      breakLink(this.#options.vault, disk);
      endHolders(disk);
      for (const coil of ['relay', 'relay2'] as const) writeValue(this.#directory, coil, '0');
      if (this.#options.uplink) writeValue(this.#directory, 'uplink', '0');
      writeValue(this.#directory, 'led', 'dark');
    } catch {
      // The gate learns of the loss by the contact that can no longer be read, and by the next command.
    }
  }

  #readDevice(): Reading {
    try {
      return statSync(this.#options.vault, { throwIfNoEntry: false }) === undefined ? 'dead' : 'alive';
    } catch {
      return 'unknown';
    }
  }

  #senseButton(): void {
    if (this.#line === undefined || this.#listener === undefined) return;
    const value = readValue(this.#directory, 'button');
    if (value !== '0' && value !== '1') return;
    const pressed = value === '1';
    if (pressed === this.#pressed) return;
    this.#pressed = pressed;
    this.#listener(pressed, this.#options.clock.monotonic());
  }

  #sendIfPossible(command: string): void {
    try {
      this.#line?.send(command);
    } catch {
      // Best effort by contract; the relay's own commands and the readings tell a broken board.
    }
  }
}

/** Ends the board of this directory, if one is alive, and resolves when it is gone. Rejects with `gate.board`. */
export async function endSimulatedBoard(directory: string, clock: Clock): Promise<void> {
  if (!existsSync(directory)) return;
  const line = await Line.open(boardDirectory(directory), clock);
  await line?.ask('quit', 'gone');
}

/** Is the finger: presses the simulated button for `ms` milliseconds. Rejects with `gate.board` where there is none. */
export async function press(directory: string, ms: number, clock: Clock): Promise<void> {
  if (readValue(directory, 'button') === undefined)
    throw new PortcullisError('gate.board', `There is no simulated board in ${directory}.`);
  writeValue(directory, 'button', '1');
  try {
    await delay(clock, ms);
  } finally {
    writeValue(directory, 'button', '0');
  }
}
