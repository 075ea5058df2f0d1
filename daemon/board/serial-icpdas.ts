import { type Answer, type Exchange, GOOD, type Lease, PART, type Protocol, wrong } from './serial-protocol.ts';

export interface IcpdasOptions {
  /** The module's address, 0 to 255; 1 as delivered. */
  readonly address: number;
  /** Which relay, 1 to 4, as printed on the module (RL1 …). */
  readonly channel: number;
  /** Whether the module is set up to add checksums. It should be: without, a flipped bit can pass for an answer. */
  readonly checksum: boolean;
}

/** The host watchdog's time, in the module's unit of 100 ms. */
const WATCHDOG_UNITS = 10;

/**
 * ICP DAS I-7060, four relays (RS-485, DCON, 9600 8N1). Characters, ended by CR; with checksums, two hexadecimal digits
 * before it: the low byte of the sum of all before them. `AA` is the address, hexadecimal.
 *
 * | sent | answer | what |
 * | --- | --- | --- |
 * | `#AA1c00`, `#AA1c01` | `>`, or `!` where the watchdog has lapsed and the command is ignored | relay c off, on |
 * | `@AA` | `>OOII` | outputs and inputs |
 * | `~AA1` | `!AA` | clears "the watchdog has lapsed" (kept over power cuts) |
 * | `~AA2` | `!AAEVV` | is the watchdog enabled (E), with which time (VV, 100 ms) |
 * | `~AA3EVV` | `!AA` | sets both |
 * | `~AA4V` | `!AAVV00` | reads the outputs' safe (S) or power-on (P) state |
 * | `~AA5V` | `!AA` | makes the outputs of now that state |
 * | `~**` | none | "the host is well": feeds the watchdog of every module on the bus |
 *
 * Sources: I-7000 DIO Manual B1.2, sections 2.3, 2.14 and 2.17 to 2.23 (at manualsdir.com as "B&B Electronics I-7060");
 * `~AA2` as in the CB-7000 DIO manual 2.20 and the I-7088 manual 2.52. Which half of `@AA`'s answer is the outputs: the
 * manual's example contradicts itself; the outputs come first in the same answer of ADLINK's compatible ND-6060 (manual
 * 3.14). Were it the other way round, the relay would never be confirmed on, and so be driven off again.
 */
export function icpdas({ address, channel, checksum }: IcpdasOptions): Protocol {
  const aa = hexByte(address);
  const bit = channel - 1;
  const command = (what: string, body: string, judge?: (answer: string) => Answer): Exchange => ({
    what: `${what} (${body})`,
    bytes: Buffer.from(`${sealed(body, checksum)}\r`, 'latin1'),
    ...(judge === undefined ? {} : { judge: (heard: Uint8Array) => judgeLine(heard, checksum, judge) }),
  });
  const exactly = (wanted: string, why: string) => (answer: string) => (answer === wanted ? GOOD : wrong(why));
  const done = exactly(`!${aa}`, 'not "done"');

  const on = command('the on command', `#${aa}1${bit}01`, (answer) =>
    answer === '>' ? GOOD : wrong(answer === '!' ? 'it is ignored, for the host watchdog has lapsed' : 'not "done"'),
  );
  const clear = command('the command to clear its watchdog', `~${aa}1`, done);
  const time = hexByte(WATCHDOG_UNITS);
  const enable = command('the command to enable its watchdog', `~${aa}31${time}`, done);
  const disable = command('the command to disable its watchdog', `~${aa}30${time}`, done);
  const enabled = command('the question for its watchdog', `~${aa}2`, exactly(`!${aa}1${time}`, 'it is not enabled'));
  const kept = (state: 'S' | 'P') =>
    command('the question for its safe states', `~${aa}4${state}`, (answer) => {
      const data = new RegExp(`^!${aa}([0-9A-F]{2})00$`).exec(answer)?.[1];
      return data === undefined ? wrong('not a state') : { kind: 'good', high: isSet(data, bit) };
    });
  const keep = (state: 'S' | 'P') => command('the command to keep its safe states', `~${aa}5${state}`, done);

  const lease: Lease = {
    ms: WATCHDOG_UNITS * 100,
    // It has lapsed since the last connection, as it should: cleared, begun, asked whether it runs, and only then used.
    on: [clear, enable, enabled, on],
    feed: command('the watchdog’s feed', '~**'),
    async prove(ask) {
      await ask(clear);
      for (const state of ['S', 'P'] as const) {
        if ((await ask(kept(state))) === false) continue;
        // The relay is off, so the state of now is the safe one. Only where need be: it wears the module's memory.
        await ask(keep(state));
        if ((await ask(kept(state))) !== false)
          throw new Error(`its ${state === 'S' ? 'safe' : 'power-on'} state has the relay on`);
      }
      await ask(enable);
      await ask(enabled);
    },
  };
  return {
    name: 'ICP DAS I-7060',
    // While the watchdog has lapsed the module ignores commands and holds its safe state; what it is, the read-back says.
    off: command('the off command', `#${aa}1${bit}00`, (answer) =>
      answer === '>' || answer === '!' ? GOOD : wrong('not "done"'),
    ),
    on: [disable, clear, on],
    read: command('the status request', `@${aa}`, (answer) => {
      const data = /^>(0[0-9A-F])[0-9A-F]{2}$/.exec(answer)?.[1];
      return data === undefined ? wrong('not a status') : { kind: 'good', high: isSet(data, bit) };
    }),
    lease,
    caveats: checksum
      ? []
      : ['The ICP DAS I-7060 is set up without checksums: a flipped bit can pass for an answer. Turn them on.'],
  };
}

function judgeLine(heard: Uint8Array, checksum: boolean, judge: (answer: string) => Answer): Answer {
  const text = Buffer.from(heard).toString('latin1');
  const end = text.indexOf('\r');
  if (end === -1) return /^[!>?][0-9A-F]{0,10}$/.test(text) || text === '' ? PART : wrong('not an answer');
  if (end !== text.length - 1) return wrong('more than an answer');
  const line = text.slice(0, end);
  const body = checksum ? line.slice(0, -2) : line;
  return sealed(body, checksum) === line ? judge(body) : wrong('its checksum is wrong');
}

function sealed(body: string, checksum: boolean): string {
  if (!checksum) return body;
  return body + hexByte(Buffer.from(body, 'latin1').reduce((sum, byte) => sum + byte, 0) & 0xff);
}

function hexByte(value: number): string {
  return value.toString(16).toUpperCase().padStart(2, '0');
}

function isSet(data: string, bit: number): boolean {
  return ((Number.parseInt(data, 16) >> bit) & 1) === 1;
}
