/**
 * The kernel's character device for GPIO, second version, as bytes: linux/gpio.h. Little endian, and laid out the same
 * for 32 and 64 bits.
 */

const TYPE = 0xb4;
const READ = 2;
const READ_WRITE = 3;

function ioc(direction: number, number: number, size: number): number {
  return ((direction << 30) | (size << 16) | (TYPE << 8) | number) >>> 0;
}

export const CHIP_INFO_SIZE = 68;
export const LINE_INFO_SIZE = 256;
export const REQUEST_SIZE = 592;
export const VALUES_SIZE = 16;
export const EVENT_SIZE = 48;

export const GET_CHIP_INFO = ioc(READ, 0x01, CHIP_INFO_SIZE);
export const GET_LINE_INFO = ioc(READ_WRITE, 0x05, LINE_INFO_SIZE);
export const GET_LINE = ioc(READ_WRITE, 0x07, REQUEST_SIZE);
export const GET_VALUES = ioc(READ_WRITE, 0x0e, VALUES_SIZE);
export const SET_VALUES = ioc(READ_WRITE, 0x0f, VALUES_SIZE);

const NAME_SIZE = 32;
const CONFIG = 288;
const CONFIG_ATTRIBUTES = CONFIG + 32;
const DEBOUNCE = 3;

const FLAG = {
  input: 1 << 2,
  output: 1 << 3,
  rising: 1 << 4,
  falling: 1 << 5,
  up: 1 << 8,
  down: 1 << 9,
  none: 1 << 10,
};

/** `none` switches both resistors off; without a bias the line keeps what it has. */
export type Bias = 'up' | 'down' | 'none';

export type LineRequest = {
  readonly line: number;
  /** Cut off after 31 bytes. */
  readonly consumer: string;
} & (
  | { readonly direction: 'output' }
  | {
      readonly direction: 'input';
      readonly bias?: Bias | undefined;
      /** A level counts once it has lasted this long. */
      readonly debounceMs?: number | undefined;
    }
);

/** One line, both edges of an input; an output begins low, which is what it is without an attribute that says otherwise. */
export function encodeRequest(request: LineRequest): Buffer {
  const bytes = Buffer.alloc(REQUEST_SIZE);
  bytes.writeUInt32LE(request.line, 0);
  bytes.write(request.consumer, 256, NAME_SIZE - 1);
  bytes.writeUInt32LE(1, 560);
  if (request.direction === 'output') {
    bytes.writeBigUInt64LE(BigInt(FLAG.output), CONFIG);
    return bytes;
  }
  const { bias, debounceMs = 0 } = request;
  const flags = FLAG.input | FLAG.rising | FLAG.falling | (bias === undefined ? 0 : FLAG[bias]);
  bytes.writeBigUInt64LE(BigInt(flags), CONFIG);
  if (debounceMs > 0) {
    bytes.writeUInt32LE(1, CONFIG + 8);
    bytes.writeUInt32LE(DEBOUNCE, CONFIG_ATTRIBUTES);
    bytes.writeUInt32LE(Math.round(debounceMs * 1000), CONFIG_ATTRIBUTES + 8);
    bytes.writeBigUInt64LE(1n, CONFIG_ATTRIBUTES + 16);
  }
  return bytes;
}

/** The descriptor of the line, from a request that the kernel has answered. */
export function lineDescriptor(answer: Buffer): number {
  return answer.readInt32LE(588);
}

/** For setting the one line of a request, or for asking about it. */
export function encodeValues(high: boolean): Buffer {
  const bytes = Buffer.alloc(VALUES_SIZE);
  bytes.writeBigUInt64LE(high ? 1n : 0n, 0);
  bytes.writeBigUInt64LE(1n, 8);
  return bytes;
}

export function decodeValues(answer: Buffer): boolean {
  return (answer.readBigUInt64LE(0) & 1n) === 1n;
}

export function decodeChipInfo(answer: Buffer): { label: string; lines: number } {
  return { label: text(answer, NAME_SIZE), lines: answer.readUInt32LE(64) };
}

export function encodeLineInfo(line: number): Buffer {
  const bytes = Buffer.alloc(LINE_INFO_SIZE);
  bytes.writeUInt32LE(line, 64);
  return bytes;
}

/** Who holds the line. Empty where nobody does, or nobody gave a name. */
export function decodeConsumer(answer: Buffer): string {
  return text(answer, NAME_SIZE);
}

/** Whole events, oldest first. `at` is CLOCK_MONOTONIC in milliseconds. */
export function decodeEvents(bytes: Buffer): { high: boolean; at: number }[] {
  const events = [];
  for (let start = 0; start + EVENT_SIZE <= bytes.length; start += EVENT_SIZE)
    events.push({ high: bytes.readUInt32LE(start + 8) === 1, at: Number(bytes.readBigUInt64LE(start)) / 1e6 });
  return events;
}

function text(bytes: Buffer, start: number): string {
  const end = bytes.indexOf(0, start);
  return bytes.toString('utf8', start, end < 0 || end > start + NAME_SIZE ? start + NAME_SIZE : end);
}
