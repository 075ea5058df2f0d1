import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { protocolOf, type SerialBoard, type SerialModel } from '../../daemon/board/serial-boards.ts';
import type { WireEvents } from '../../daemon/board/serial-port.ts';
import type { Exchange } from '../../daemon/board/serial-protocol.ts';
import { SerialRelay } from '../../daemon/board/serial-relay.ts';
import { FakeClock } from '../base/fake-clock.ts';

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const ascii = (text: string) => Uint8Array.from(Buffer.from(text));
const sent = (exchange: Exchange | undefined) => Uint8Array.from(exchange!.bytes);

describe('bytes, as the vendors print them', () => {
  test('LCUS', () => {
    const { off, on } = protocolOf({ model: 'lcus', channel: 1 });
    expect([sent(off), on.map(sent)]).toEqual([bytes('A0 01 00 A1'), [bytes('A0 01 01 A2')]]);
    const second = protocolOf({ model: 'lcus', channel: 2 });
    expect([sent(second.off), second.on.map(sent)]).toEqual([bytes('A0 02 00 A2'), [bytes('A0 02 01 A3')]]);
  });

  test('KMTronic', () => {
    const { off, on, read } = protocolOf({ model: 'kmtronic', channel: 1 });
    expect([sent(off), on.map(sent), sent(read)]).toEqual([bytes('FF 01 00'), [bytes('FF 01 01')], bytes('FF 01 03')]);
    expect(sent(protocolOf({ model: 'kmtronic', channel: 2 }).read)).toEqual(bytes('FF 02 03'));
  });

  test('Numato', () => {
    const { off, on, read } = protocolOf({ model: 'numato', channel: 1 });
    expect([sent(off), on.map(sent), sent(read)]).toEqual([
      ascii('relay off 0\r'),
      [ascii('relay on 0\r')],
      ascii('relay read 0\r'),
    ]);
    expect(sent(protocolOf({ model: 'numato', channel: 11 }).off)).toEqual(ascii('relay off A\r'));
    expect(sent(protocolOf({ model: 'numato', channel: 32 }).off)).toEqual(ascii('relay off V\r'));
  });

  test('Waveshare', () => {
    const { off, on, read, lease } = protocolOf({ model: 'waveshare', channel: 1, spare: 2 });
    expect([sent(off), on.map(sent), sent(read)]).toEqual([
      bytes('01 05 00 00 00 00 CD CA'),
      [bytes('01 05 00 00 FF 00 8C 3A')],
      bytes('01 01 00 00 00 08 3D CC'),
    ]);
    expect([lease!.on.map(sent), sent(lease!.feed)]).toEqual([
      [bytes('01 05 02 00 00 07 8D B0')],
      bytes('01 05 02 00 00 07 8D B0'),
    ]);
    // The board of 32 is asked eight at a time.
    expect(sent(protocolOf({ model: 'waveshare', channel: 10 }).read).subarray(0, 6)).toEqual(
      bytes('01 01 00 08 00 08'),
    );
  });

  test('ICP DAS I-7060', () => {
    const { off, on, read, lease } = protocolOf({ model: 'i7060', channel: 2 });
    expect([sent(off), on.map(sent), sent(read)]).toEqual([
      ascii('#011100\r'),
      [ascii('~01300A\r'), ascii('~011\r'), ascii('#011101\r')],
      ascii('@01\r'),
    ]);
    expect([lease!.on.map(sent), sent(lease!.feed)]).toEqual([
      [ascii('~011\r'), ascii('~01310A\r'), ascii('~012\r'), ascii('#011101\r')],
      ascii('~**\r'),
    ]);
    const summed = protocolOf({ model: 'i7060', channel: 1, checksum: true });
    // 40 + 30 + 31 = A1
    expect(sent(summed.read)).toEqual(ascii('@01A1\r'));
    expect(sent(summed.lease!.feed)).toEqual(ascii('~**D2\r'));
  });
});

/** Every answer that says off, as the manuals have it, and some that look like one. */
const ANSWERS: Record<
  Exclude<SerialModel, 'lcus'>,
  { board: SerialBoard; off: Uint8Array[]; on: Uint8Array[]; not: Uint8Array[] }
> = {
  kmtronic: {
    board: { model: 'kmtronic', channel: 1 },
    off: [bytes('FF 01 00')],
    on: [bytes('FF 01 01')],
    not: [bytes('FF 02 00'), bytes('FF 01 03'), bytes('FF 01 00 00'), bytes('00 FF 01 00')],
  },
  numato: {
    board: { model: 'numato', channel: 1 },
    off: [ascii('relay read 0\n\roff\n\r>'), ascii('relay read 0\r\noff\r\n>')],
    on: [ascii('relay read 0\n\ron\n\r>')],
    not: [
      ascii('relay read 1\n\roff\n\r>'),
      ascii('off\n\r>'),
      ascii('relay read 0\n\roffon\n\r>'),
      ascii('relay read 0\n\roff\n\r>>'),
    ],
  },
  waveshare: {
    board: { model: 'waveshare', channel: 1 },
    off: [bytes('01 01 01 00 51 88'), bytes('01 01 01 02 D0 49')],
    on: [bytes('01 01 01 01 90 48')],
    not: [
      bytes('01 01 01 00 51 89'),
      bytes('02 01 01 00 51 CC'),
      bytes('01 01 00 00 00 08 3D CC'),
      bytes('01 81 02 C1 91'),
    ],
  },
  i7060: {
    board: { model: 'i7060', channel: 1 },
    off: [ascii('>0000\r'), ascii('>0E0F\r')],
    on: [ascii('>0100\r')],
    not: [
      ascii('>0000'),
      ascii('?01\r'),
      ascii('!0000\r'),
      ascii('>000\r'),
      ascii('>00000\r'),
      ascii('@01\r'),
      ascii('>0000\r\r'),
    ],
  },
};

describe.each(Object.entries(ANSWERS))('%s: answers', (_name, { board, off, on, not }) => {
  const { read } = protocolOf(board);
  const judge = (heard: Uint8Array) => read!.judge!(heard);
  const saysOff = (heard: Uint8Array) => off.some((answer) => Buffer.compare(answer, heard) === 0);

  test('what says on or off, and what does not', () => {
    for (const answer of off) expect(judge(answer)).toEqual({ kind: 'good', high: false });
    for (const answer of on) expect(judge(answer)).toEqual({ kind: 'good', high: true });
    for (const answer of not) expect(judge(answer).kind).not.toBe('good');
  });

  test('of every beginning of an answer more is awaited', () => {
    for (const answer of [...off, ...on])
      for (let length = 0; length < answer.length; length++)
        expect(judge(answer.subarray(0, length))).toEqual({ kind: 'part' });
  });

  test('an answer with one byte changed is never taken where there is a checksum', () => {
    for (const answer of [...off, ...on])
      for (let at = 0; at < answer.length; at++)
        for (let byte = 0; byte < 256; byte++) {
          const verdict = judge(answer.with(at, byte));
          if (byte !== answer[at] && board.model === 'waveshare') expect(verdict.kind).toBe('wrong');
          // Without one, what says off says it in so many bytes.
          if (verdict.kind === 'good' && verdict.high === false && board.model === 'kmtronic')
            expect(saysOff(answer.with(at, byte))).toBe(true);
        }
  });

  test('whatever the board says, nothing is thrown, and off is confirmed only by an answer that says so', async () => {
    let confirmed = 0;
    const chunk = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom(...off, ...on, ...not),
      fc.constantFrom(...off).chain((answer) => fc.nat(answer.length).map((length) => answer.subarray(0, length))),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(chunk, fc.nat(300)), { maxLength: 12 }), async (story) => {
        const clock = new FakeClock();
        let events: WireEvents | undefined;
        let asked: Uint8Array[] = [];
        const protocol = { ...protocolOf(board) };
        // Only started: what a wild board does to the timer's proof is the contract's matter.
        const { lease: _, ...plain } = protocol;
        const relay = new SerialRelay({
          path: 'wild',
          protocol: plain,
          clock,
          async open(_path, _baud, given) {
            events = given;
            return {
              send(command) {
                asked.push(command);
                queueMicrotask(() => {
                  if (!wild) reply(command);
                });
              },
              close: async () => {},
            };
          },
        });
        let wild = false;
        const reply = (command: Uint8Array) => {
          if (command === plain.read?.bytes) events!.hear(off[0]!);
          else if (plain.off.judge !== undefined)
            events!.hear(
              board.model === 'numato' ? ascii('relay off 0\n\r>') : board.model === 'i7060' ? ascii('>\r') : command,
            );
        };
        const turn = async (ms: number) => {
          for (let passed = 0; passed < ms; passed += 5) {
            clock.advance(5);
            for (let i = 0; i < 4; i++) await Promise.resolve();
          }
        };
        const started = relay.start();
        await turn(200);
        await started;
        wild = true;
        relay.write(false);
        expect(relay.read()).toBeUndefined();
        // What was said since the last question was sent: only this may confirm.
        let said: number[] = [];
        let questions = asked.length;
        let last = false;
        for (const [words, ms] of story) {
          await turn(ms);
          if (asked.length !== questions) {
            said = [];
            questions = asked.length;
          }
          last = asked.at(-1) === plain.read?.bytes;
          said.push(...words);
          const before = relay.read();
          events!.hear(words);
          if (before !== false && relay.read() === false) {
            confirmed++;
            expect(last && saysOff(Uint8Array.from(said))).toBe(true);
          }
        }
        const stopped = relay.stop();
        await turn(2000);
        await stopped;
        asked = [];
        expect(clock.timers).toBe(0);
      }),
      { numRuns: 150 },
    );
    expect(confirmed).toBeGreaterThan(0);
  });
});
