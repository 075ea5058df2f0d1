import { delay } from '../base/clock.ts';
import { beginsLike, type Exchange, GOOD, type Lease, PART, type Protocol, wrong } from './serial-protocol.ts';

export interface WaveshareOptions {
  /** The board's Modbus address, 1 to 247; 1 as delivered. */
  readonly unit: number;
  /** Which relay, from 1, as printed on the board. */
  readonly channel: number;
  /**
   * Another relay of the same board, to which nothing is connected. The proof that renewing renews clicks this one: on the
   * relay itself the proof would connect the vault, outside every window and in lockout too.
   */
  readonly spare?: number;
}

/** The flash's length, in the board's unit of 100 ms. The vendor's own example. */
const FLASH_UNITS = 7;
const FLASH_MS = FLASH_UNITS * 100;
const RENEW_MS = 200;
/** The proof feeds for this long, and then gives the board this long beyond its period to drop. */
const PROOF_MS = 2 * FLASH_MS;
const DROP_SLACK_MS = 400;

/**
 * Waveshare Modbus RTU Relay (RS-485, 9600 8N1, "development protocol V2"): function 05 writes a coil (FF00 on, 0000 off)
 * and is echoed; function 01 reads eight; function 05 at 0x0200 + coil is flash-on, its value the time in 100 ms.
 * CRC-16/MODBUS, low byte first.
 * Source: waveshare.com/wiki/Modbus_RTU_Relay: `01 05 00 00 FF 00 8C 3A` on, `01 05 00 00 00 00 CD CA` off,
 * `01 01 00 00 00 08 3D CC` read, `01 05 02 00 00 07 8D B0` flash-on for 700 ms.
 *
 * That flash-on given again begins its time anew is not documented, so it counts as a timer only once it is proven.
 */
export function waveshare({ unit, channel, spare }: WaveshareOptions): Protocol {
  const caveats: string[] = [];
  if (spare === undefined)
    caveats.push(
      'Whether the Waveshare board drops its relay by itself has not been proven, so it keeps it energised when this machine dies: name a spare channel, to which nothing is connected, to prove it on.',
    );
  return {
    name: 'Waveshare relay board',
    off: writeCoil('the off command', unit, channel - 1, 0x0000),
    on: [writeCoil('the on command', unit, channel - 1, 0xff00)],
    read: readCoil(unit, channel - 1),
    ...(spare === undefined ? {} : { lease: flashLease(unit, channel - 1, spare - 1) }),
    caveats,
  };
}

function flashLease(unit: number, coil: number, spare: number): Lease {
  const flash = (of: number) => writeCoil('the flash-on command', unit, 0x0200 + of, FLASH_UNITS);
  return {
    ms: FLASH_MS,
    on: [flash(coil)],
    feed: flash(coil),
    async prove(ask, clock) {
      const read = readCoil(unit, spare);
      const off = writeCoil('the off command to the spare relay', unit, spare, 0x0000);
      await ask(off);
      if ((await ask(read)) !== false) throw new Error('the spare relay does not go off');
      try {
        const from = clock.monotonic();
        await ask(flash(spare));
        while (clock.monotonic() - from < PROOF_MS) {
          await delay(clock, RENEW_MS);
          if ((await ask(read)) !== true)
            throw new Error(`renewing flash-on does not renew it: dropped within ${elapsed(clock.monotonic() - from)}`);
          await ask(flash(spare));
        }
        const unfed = clock.monotonic();
        while ((await ask(read)) !== false) {
          if (clock.monotonic() - unfed > FLASH_MS + DROP_SLACK_MS)
            throw new Error(`the relay is still on ${elapsed(clock.monotonic() - unfed)} after it was last fed`);
          await delay(clock, RENEW_MS / 4);
        }
      } finally {
        await ask(off);
      }
    },
  };
}

function elapsed(ms: number): string {
  return `${Math.round(ms)} ms`;
}

function writeCoil(what: string, unit: number, address: number, value: number): Exchange {
  const bytes = framed([unit, 5, address >> 8, address & 0xff, value >> 8, value & 0xff]);
  return { what, bytes, judge: (heard) => judgeFrame(heard, Array.from(bytes), bytes.length, () => GOOD) };
}

function readCoil(unit: number, coil: number): Exchange {
  const first = coil & ~7;
  return {
    what: 'the coil read',
    bytes: framed([unit, 1, first >> 8, first & 0xff, 0, 8]),
    judge: (heard) =>
      judgeFrame(heard, [unit, 1, 1], 6, (frame) => ({
        kind: 'good',
        high: (((frame[3] ?? 0) >> (coil - first)) & 1) === 1,
      })),
  };
}

function judgeFrame(
  heard: Uint8Array,
  head: number[],
  length: number,
  good: (frame: Uint8Array) => ReturnType<typeof wrong>,
) {
  if (heard.length > length || !beginsLike(heard, head)) return wrong('not the answer to it');
  if (heard.length < length) return PART;
  return crc16(heard.subarray(0, length - 2)) === ((heard[length - 1] ?? 0) << 8) + (heard[length - 2] ?? 0)
    ? good(heard)
    : wrong('its CRC is wrong');
}

function framed(body: readonly number[]): Uint8Array {
  const crc = crc16(Uint8Array.from(body));
  return Uint8Array.of(...body, crc & 0xff, crc >> 8);
}

/** CRC-16/MODBUS: polynomial 0xA001 (reflected), begun with FFFF. Modbus over Serial Line V1.02, section 6.2.2. */
function crc16(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  }
  return crc;
}
