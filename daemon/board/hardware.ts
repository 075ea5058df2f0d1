import { spawnSync } from 'node:child_process';
import { constants, existsSync, mkdirSync, openSync, rmSync, watch } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import {
  commandsOf,
  diskOf,
  type FaultFile,
  readValue,
  socketOf,
  type ValueFile,
  type WeldFile,
  writeValue,
} from './files.ts';
import { breakLink, endHolders, linkAt, makeLink } from './vault-link.ts';

/** How long a contact takes to follow its coil, either way, as that of a small relay does. */
const MOVE_MS = 5;
/** The dead-man: the vault's coils drop when it has not been fed for this long. */
const DEAD_MAN_MS = 500;
/** The board ends by itself when no driver has been there for this long. */
const ABANDONED_MS = 60_000;
/** How often it looks whether its directory is still there. */
const PRESENT_MS = 500;

/** What the vault's two coils in series get. */
type Coils =
  | 'off'
  | 'all'
  | 'only 1'
  | 'only 2'
  /** The dead-man dropped them, or their driver vanished: on again only after an explicit off. */
  | 'dropped';

/** A relay: the contact follows the coil after a while, unless it is welded. */
interface Pole {
  readonly weld: WeldFile;
  coil: boolean;
  made: boolean;
}

export interface HardwareOptions {
  /** Real path of a directory that exists. */
  readonly directory: string;
  readonly clock: Clock;
  /** Ends the process. */
  end(): void;
}

/**
 * The simulated board, for a process of its own: two relays in series, their contacts, dead-man, LED, the vault behind
 * both contacts, and where a driver asks for it the uplink's relay.
 *
 * Commands arrive through the FIFO, one a line: `relay 0`, `relay 1`, `relay 1 only 1`, `relay 1 only 2`, `uplink 0`,
 * `uplink 1`, `led NAME`, `beat`, `vault PATH`, `quit`. Drivers stay connected to the socket: it greets them with `ready`,
 * then tells `relay 0`, `relay 1`, `uplink 0`, `uplink 1` and `vault` when those were carried out, or `refused REASON`. A
 * line that is none of these is noise and does nothing.
 *
 * The coils drop by themselves when they are not fed, and when the last driver is gone, as a line is released when its
 * holder dies. The vault's path then vanishes before anything else is written, and a contact reads broken only once
 * nobody is left who could change a byte behind it. The uplink's coil is not fed by the beat, as in the recommended
 * circuit; it drops with the last driver, and with whatever drops the vault's.
 */
export class SimulatedHardware {
  readonly #options: HardwareOptions;
  readonly #disk: string;
  readonly #drivers = new Set<Socket>();
  #running = false;
  #vault: string | undefined;
  #coils: Coils = 'off';
  readonly #poles: readonly [Pole, Pole] = [
    { weld: 'relay.welded', coil: false, made: false },
    { weld: 'relay2.welded', coil: false, made: false },
  ];
  readonly #uplink: Pole = { weld: 'uplink.welded', coil: false, made: false };
  /** A driver has asked for it, now or before. */
  #hasUplink = false;
  #fed = false;
  #cancelMove = () => {};
  #cancelUplinkMove = () => {};
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
      try {
        this.#noticed(file);
      } catch (error) {
        // The directory is being taken away, file by file.
        if (existsSync(directory)) throw error;
      }
    });
    // Asked, not watched: an open FIFO in a directory keeps its removal from being told.
    clock.every(PRESENT_MS, () => {
      if (!existsSync(directory)) this.#options.end();
    });
    // A weld outlives the process: what was made then is made now.
    const stayed = (pole: Pole, file: ValueFile) => this.#has(pole.weld) && readValue(directory, file) === '1';
    this.#poles[0].made = stayed(this.#poles[0], 'contact1');
    this.#poles[1].made = stayed(this.#poles[1], 'contact2');
    this.#uplink.made = stayed(this.#uplink, 'uplink.feedback');
    this.#hasUplink = readValue(directory, 'uplink') !== undefined;
    this.#writeCoils();
    this.#write('led', 'dark');
    this.#write('heartbeat', '0');
    if (readValue(directory, 'button') === undefined) this.#write('button', '0');
    this.#tellContact();
    this.#tellUplink();
    this.#tellSupply();
    this.#waitForDriver();
  }

  /** Takes the current away, synchronously and in whatever state the board is: the last act of its process. */
  unpower(): void {
    if (!this.#running) return;
    this.#setCoils('off');
    this.#uplink.coil = false;
    this.#follow();
    const opening = this.#opening();
    if (opening.length > 0 && endHolders(this.#disk) === 0) for (const pole of opening) pole.made = false;
    if (!this.#holds(this.#uplink)) this.#uplink.made = false;
    if (!existsSync(this.#options.directory)) return;
    this.#writeCoils();
    this.#write('led', 'dark');
    this.#write('heartbeat', '0');
    this.#tellContact();
    this.#tellUplink();
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
      this.#drop();
      // Nobody is left who measures anything: an LED that went on shining would tell what was, not what is.
      this.#write('led', 'dark');
      this.#waitForDriver();
    });
    socket.resume();
    socket.write('ready\n');
  }

  /** A person, or a test, has changed a file. */
  #noticed(file: string | null): void {
    if (file === 'relay.welded' || file === 'relay2.welded') this.#follow();
    else if (file === 'uplink.welded') this.#followUplink();
    else if (file === 'feedback.stuck') this.#tellContact();
    else if (file === 'uplink.stuck') this.#tellUplink();
    else if (file === 'button' || file === 'supply.stuck') this.#tellSupply();
  }

  #waitForDriver(): void {
    this.#cancelAbandoned = this.#options.clock.after(ABANDONED_MS, () => this.#options.end());
  }

  #command(line: string): void {
    // Without a driver a line floats, and is pulled down.
    const driven = this.#drivers.size > 0;
    if (line === 'beat') this.#feed();
    else if (line === 'relay 0') this.#switch('off');
    else if (line === 'relay 1' || line === 'relay 1 only 1' || line === 'relay 1 only 2') {
      const coils = line === 'relay 1' ? 'all' : line === 'relay 1 only 1' ? 'only 1' : 'only 2';
      if (this.#coils !== 'dropped' && driven) this.#switch(coils);
    } else if (line === 'uplink 0' || line === 'uplink 1') {
      if (line === 'uplink 0' || driven) this.#switchUplink(line === 'uplink 1');
    } else if (line.startsWith('led ')) this.#write('led', line.slice(4));
    else if (line.startsWith('vault ')) this.#adopt(line.slice(6));
    else if (line === 'quit') this.#options.end();
  }

  /** What happens to coils whose driver is gone, or which are not fed: all of them are off until told off, and on again. */
  #drop(): void {
    if (this.#energised()) this.#switch('dropped');
    if (this.#uplink.coil) this.#switchUplink(false);
  }

  #energised(): boolean {
    return this.#coils !== 'off' && this.#coils !== 'dropped';
  }

  #switch(coils: Coils): void {
    if (coils !== this.#coils) {
      const before = this.#energised();
      this.#setCoils(coils);
      if (this.#energised() && !before) this.#feed();
      this.#follow();
      this.#writeCoils();
      if (this.#opening().length > 0) endHolders(this.#disk);
      // What the contacts say depends on what they are told to be.
      this.#tellContact();
    }
    this.#tell(`relay ${this.#energised() ? '1' : '0'}`);
  }

  #switchUplink(on: boolean): void {
    if (!this.#hasUplink || on !== this.#uplink.coil) {
      this.#hasUplink = true;
      this.#uplink.coil = on;
      this.#writeCoils();
      this.#followUplink();
    }
    this.#tell(`uplink ${on ? '1' : '0'}`);
  }

  #setCoils(coils: Coils): void {
    this.#coils = coils;
    this.#poles[0].coil = coils === 'all' || coils === 'only 1';
    this.#poles[1].coil = coils === 'all' || coils === 'only 2';
  }

  #feed(): void {
    this.#cancelDeadMan();
    this.#cancelDeadMan = this.#options.clock.after(DEAD_MAN_MS, () => {
      if (this.#energised()) this.#drop();
      this.#fed = false;
      this.#write('heartbeat', '0');
    });
    if (!this.#fed) this.#write('heartbeat', '1');
    this.#fed = true;
  }

  /** The contacts follow the coils, unless they are welded. The vault is behind both: it goes as soon as one is to open. */
  #follow(): void {
    this.#cancelMove();
    if (this.#opening().length > 0 && this.#vault !== undefined) breakLink(this.#vault, this.#disk);
    this.#cancelMove = this.#options.clock.after(MOVE_MS, () => this.#move());
  }

  /** A contact has broken when nobody is left who could change the disk. Until then it is made, and says so. */
  #move(): void {
    const opening = this.#opening();
    const free = opening.length === 0 || endHolders(this.#disk) === 0;
    if (free) for (const pole of opening) pole.made = false;
    for (const pole of this.#poles) pole.made ||= pole.coil;
    if (free && this.#poles.every(({ made }) => made) && this.#vault !== undefined) makeLink(this.#vault, this.#disk);
    this.#tellContact();
    if (!free) this.#cancelMove = this.#options.clock.after(MOVE_MS, () => this.#move());
  }

  /** Those of the vault's contacts that are made and will not stay so. */
  #opening(): Pole[] {
    return this.#poles.filter((pole) => pole.made && !pole.coil && !this.#holds(pole));
  }

  #followUplink(): void {
    this.#cancelUplinkMove();
    this.#cancelUplinkMove = this.#options.clock.after(MOVE_MS, () => {
      this.#uplink.made = this.#uplink.coil || this.#holds(this.#uplink);
      this.#tellUplink();
    });
  }

  /** Made and welded: the coil has no say. */
  #holds(pole: Pole): boolean {
    return pole.made && this.#has(pole.weld);
  }

  #adopt(vault: string): void {
    this.#switch('off');
    const found = linkAt(vault, this.#disk);
    if (found === 'foreign') {
      this.#tell(`refused ${vault} exists and is not this board's link to its disk`);
      return;
    }
    this.#vault = vault;
    // A link that was left behind is two contacts that never broke.
    for (const pole of this.#poles) pole.made ||= found === 'ours';
    this.#tellContact();
    this.#follow();
    this.#tell('vault');
  }

  #tellContact(): void {
    if (this.#has('feedback.stuck')) return;
    const made = this.#poles.map((pole) => pole.made);
    this.#write('contact1', made[0] ? '1' : '0');
    this.#write('contact2', made[1] ? '1' : '0');
    this.#write('feedback', (this.#energised() ? !made.includes(false) : made.includes(true)) ? '1' : '0');
  }

  #tellUplink(): void {
    if (this.#hasUplink && !this.#has('uplink.stuck')) this.#write('uplink.feedback', this.#uplink.made ? '1' : '0');
  }

  /** The button's normally-closed pole carries it. */
  #tellSupply(): void {
    const button = readValue(this.#options.directory, 'button');
    if (button === undefined || this.#has('supply.stuck')) return;
    this.#write('supply', button === '1' ? '0' : '1');
  }

  #writeCoils(): void {
    this.#write('relay', this.#poles[0].coil ? '1' : '0');
    this.#write('relay2', this.#poles[1].coil ? '1' : '0');
    if (this.#hasUplink) this.#write('uplink', this.#uplink.coil ? '1' : '0');
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
