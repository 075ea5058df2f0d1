import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The simulated board's directory: one value a file, so that a shell, a test or a person can be the hardware.
 *
 * Written by the board: `relay` and `relay2` (0/1, the coils of the two relays in series), `contact1` and `contact2` (0/1,
 * each relay's contact), `feedback` (0/1, both together, as it matters for the command: while off, one that is still made;
 * while on, both made), `supply` (0/1, the coils' supply behind the button's normally-closed pole), `led` (a pattern's
 * name), `heartbeat` (0/1, fed or not); where there is a network door also `uplink` (0/1, its coil) and `uplink.feedback`
 * (0/1, its contact).
 *
 * Read by it: `relay.welded`, `relay2.welded`, `uplink.welded` (while it exists a made contact does not break),
 * `feedback.stuck`, `uplink.stuck` (while it exists what the contacts say is left alone) and `supply.stuck` (the same of
 * `supply`, as if the pole did not open). Read by the driver: `button` (0/1), and everything that is measured.
 */
export type ValueFile =
  | 'relay'
  | 'relay2'
  | 'contact1'
  | 'contact2'
  | 'feedback'
  | 'supply'
  | 'led'
  | 'heartbeat'
  | 'button'
  | 'uplink'
  | 'uplink.feedback';
export type WeldFile = 'relay.welded' | 'relay2.welded' | 'uplink.welded';
export type FaultFile = WeldFile | 'feedback.stuck' | 'uplink.stuck' | 'supply.stuck';

/** Makes the board's directory if need be, and returns its real path: the one by which all its processes know it. */
export function boardDirectory(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return realpathSync(path);
}

/** Replaces a value. A reader sees the old one or the new one, never none. */
export function writeValue(directory: string, file: ValueFile, value: string): void {
  const temporary = join(directory, `.${file}.tmp`);
  writeFileSync(temporary, `${value}\n`);
  renameSync(temporary, join(directory, file));
}

/** The value without white space, or undefined where there is none, or where a person is just writing one. */
export function readValue(directory: string, file: ValueFile): string | undefined {
  try {
    return readFileSync(join(directory, file), 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}

/** The FIFO that carries commands to the board, one a line. */
export function commandsOf(directory: string): string {
  return join(directory, 'commands');
}

/** What lies behind the relay. */
export function diskOf(directory: string): string {
  return join(directory, 'disk');
}

/**
 * Where the board of this directory (real path) listens: an abstract Unix socket. The kernel lets one process have it
 * and takes it back when that process ends, so it is both the lock and the sign of life; a file with a process id would
 * be neither.
 */
export function socketOf(directory: string): string {
  return `\0portcullis-board-${createHash('sha256').update(directory).digest('hex')}`;
}
