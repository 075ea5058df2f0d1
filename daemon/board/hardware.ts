import { spawnSync } from 'node:child_process';
import { constants, existsSync, mkdirSync, openSync, rmSync, watch } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { commandsOf, diskOf, type FaultFile, readValue, socketOf, type ValueFile, writeValue } from './files.ts';
import { breakLink, endHolders, linkAt, makeLink } from './vault-link.ts';

/** How long the contact takes to follow the coil, as that of a small relay does. */
const OPERATE_MS = 5;
const RELEASE_MS = 5;
/** The dead-man: the coil drops when it has not been fed for this long. */
const DEAD_MAN_MS = 500;
/** The board ends by itself when no driver has been there for this long. */
const ABANDONED_MS = 60_000;
/** How often it looks whether its directory is still there. */
const PRESENT_MS = 500;

type Coil =
  | 'off'
  | 'on'
  /** The dead-man dropped it, or its driver vanished: on again only after an explicit off. */
  | 'dropped';

export interface HardwareOptions {
  /** Real path of a directory that exists. */
  readonly directory: string;
  readonly clock: Clock;
  /** Ends the process. */
  end(): void;
}

/**
 * The simulated board, for a process of its own: coil, contact, dead-man, LED, and the vault behind the contact.
 *
 * Commands arrive through the FIFO, one a line: `relay 0`, `relay 1`, `led NAME`, `beat`, `vault PATH`, `quit`. Drivers
 * stay connected to the socket: it greets them with `ready`, then tells `relay 0`, `relay 1` and `vault` when those were
 * carried out, or `refused REASON`. A line that is none of these is noise and does nothing.
 *
 * The coil drops by itself when it is not fed, and when its last driver is gone, as a line is released when its holder
 * dies. The vault's path then vanishes before anything else is written, and the contact reads broken only once nobody
 * is left who could change a byte behind it.
 */
export class SimulatedHardware {
  readonly #options: HardwareOptions;
  readonly #disk: string;
  readonly #drivers = new Set<Socket>();
  #running = false;
  #vault: string | undefined;
  #coil: Coil = 'off';
  #contactMade = false;
  #fed = false;
  #cancelMove = () => {};
  #cancelDeadMan = () => {};
  #cancelAbandoned = () => {};

  constructor(options: HardwareOptions) {
    this.#options = options;
    this.#disk = diskOf(options.directory);
  }

  /** Resolves once commands are taken. Rejects with EADDRINUSE when this directory has a living board already. */
  async start(): Promise<void> {
    const { directory, clock } = this.#options;
    const server = createServer((socket) => this.#greet(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path: socketOf(directory) }, resolve);
    });
    // Nothing from here on waits, so whoever has connected already is greeted when all of it is done.
    this.#running = true;
    mkdirSync(this.#disk, { recursive: true, mode: 0o700 });
    this.#openCommands();
    watch(directory, (_event, file) => {
      if (file === 'relay.welded') this.#follow();
      else if (file === 'feedback.stuck') this.#tellContact();
    });
    // Asked, not watched: an open FIFO in a directory keeps its removal from being told.
    clock.every(PRESENT_MS, () => {
      if (!existsSync(directory)) this.#options.end();
    });
    this.#write('relay', '0');
    this.#write('led', 'dark');
    this.#write('heartbeat', '0');
    if (readValue(directory, 'button') === undefined) this.#write('button', '0');
    this.#tellContact();
    this.#waitForDriver();
  }

  /** Takes the current away, synchronously and in whatever state the board is: the last act of its process. */
  unpower(): void {
    if (!this.#running) return;
    this.#coil = 'off';
    this.#follow();
    if (!this.#contactHolds()) this.#contactMade = endHolders(this.#disk) > 0;
    if (!existsSync(this.#options.directory)) return;
    this.#write('relay', '0');
    this.#write('led', 'dark');
    this.#write('heartbeat', '0');
    this.#tellContact();
  }

  #openCommands(): void {
    const path = commandsOf(this.#options.directory);
    // A new one each time: what was written for a board that died must not reach this one.
    rmSync(path, { force: true });
    const made = spawnSync('mkfifo', ['-m', '600', path], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`mkfifo ${path}: ${made.error?.message ?? made.stderr}`);
    // Opened for writing too, so that it never reads an end when a driver goes.
    const commands = new Socket({ fd: openSync(path, constants.O_RDWR | constants.O_NONBLOCK), writable: false });
    let rest = '';
    commands.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#command(line);
    });
  }

  #greet(socket: Socket): void {
    this.#drivers.add(socket);
    this.#cancelAbandoned();
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#drivers.delete(socket);
      if (this.#drivers.size > 0) return;
      if (this.#coil === 'on') this.#switch('dropped');
      // Nobody is left who measures anything: an LED that went on shining would tell what was, not what is.
      this.#write('led', 'dark');
      this.#waitForDriver();
    });
    socket.resume();
    socket.write('ready\n');
  }

  #waitForDriver(): void {
    this.#cancelAbandoned = this.#options.clock.after(ABANDONED_MS, () => this.#options.end());
  }

  #command(line: string): void {
    if (line === 'beat') this.#feed();
    else if (line === 'relay 0') this.#switch('off');
    else if (line === 'relay 1') {
      // Without a driver the line floats, and is pulled down.
      if (this.#coil === 'off' && this.#drivers.size > 0) this.#switch('on');
    } else if (line.startsWith('led ')) this.#write('led', line.slice(4));
    else if (line.startsWith('vault ')) this.#adopt(line.slice(6));
    else if (line === 'quit') this.#options.end();
  }

  #switch(coil: Coil): void {
    const level = coil === 'on' ? '1' : '0';
    if (coil !== this.#coil) {
      this.#coil = coil;
      if (coil === 'on') this.#feed();
      this.#follow();
      this.#write('relay', level);
      if (coil !== 'on' && !this.#contactHolds()) endHolders(this.#disk);
    }
    this.#tell(`relay ${level}`);
  }

  #feed(): void {
    this.#cancelDeadMan();
    this.#cancelDeadMan = this.#options.clock.after(DEAD_MAN_MS, () => {
      if (this.#coil === 'on') this.#switch('dropped');
      this.#fed = false;
      this.#write('heartbeat', '0');
    });
    if (!this.#fed) this.#write('heartbeat', '1');
    this.#fed = true;
  }

  /** The contact follows the coil, unless it is welded. */
  #follow(): void {
    this.#cancelMove();
    if (this.#coil === 'on') {
      this.#cancelMove = this.#options.clock.after(OPERATE_MS, () => {
        if (this.#vault !== undefined) makeLink(this.#vault, this.#disk);
        this.#contactMade = true;
        this.#tellContact();
      });
    } else if (!this.#contactHolds()) {
      if (this.#vault !== undefined) breakLink(this.#vault, this.#disk);
      this.#cancelMove = this.#options.clock.after(RELEASE_MS, () => this.#release());
    }
  }

  /** The contact has broken when nobody is left who could change the disk. Until then it is made, and says so. */
  #release(): void {
    this.#contactMade = endHolders(this.#disk) > 0;
    this.#tellContact();
    if (this.#contactMade) this.#cancelMove = this.#options.clock.after(RELEASE_MS, () => this.#release());
  }

  /** Made and welded: the coil has no say. */
  #contactHolds(): boolean {
    return this.#contactMade && this.#has('relay.welded');
  }

  #adopt(vault: string): void {
    this.#switch('off');
    const found = linkAt(vault, this.#disk);
    if (found === 'foreign') {
      this.#tell(`refused ${vault} exists and is not this board's link to its disk`);
      return;
    }
    this.#vault = vault;
    // A link that was left behind is a contact that never broke.
    this.#contactMade ||= found === 'ours';
    this.#tellContact();
    this.#follow();
    this.#tell('vault');
  }

  #tellContact(): void {
    if (!this.#has('feedback.stuck')) this.#write('feedback', this.#contactMade ? '1' : '0');
  }

  #has(file: FaultFile): boolean {
    return existsSync(join(this.#options.directory, file));
  }

  #write(file: ValueFile, value: string): void {
    writeValue(this.#options.directory, file, value);
  }

  #tell(line: string): void {
    for (const driver of this.#drivers) driver.write(`${line}\n`);
  }
}
