import { Duplex, PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Lines, MAX_LINE, openLines } from '../../daemon/base/lines.ts';
import { integer, object } from '../../daemon/base/shape.ts';

const shape = object({ n: integer() });

/** One end under test, and what came of the other's bytes. */
function conversation(onMessage: (lines: Lines<unknown>, n: number) => void = () => {}) {
  const inbound = new PassThrough();
  const outbound = new PassThrough();
  const stream = Duplex.from({ readable: inbound, writable: outbound });
  const messages: number[] = [];
  const closed: string[] = [];
  const lines: Lines<unknown> = openLines(stream, shape, {
    message({ n }) {
      messages.push(n);
      onMessage(lines, n);
    },
    closed: (reason) => closed.push(reason),
  });
  const settle = () => new Promise((resolve) => setImmediate(() => setImmediate(() => setImmediate(resolve))));
  return { inbound, outbound, stream, lines, messages, closed, settle };
}

describe('openLines', () => {
  it('puts lines together however they were cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(), { minLength: 1, maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 50 }),
        async (numbers, cuts) => {
          const { inbound, messages, closed, settle, lines } = conversation();
          const bytes = Buffer.from(numbers.map((n) => `{"n":${n}}\n`).join(''));
          for (let from = 0, turn = 0; from < bytes.length; turn++) {
            const length = cuts[turn % cuts.length] ?? 1;
            inbound.write(bytes.subarray(from, from + length));
            from += length;
          }
          await settle();
          expect(messages).toEqual(numbers);
          expect(closed).toEqual([]);
          lines.close();
        },
      ),
      { numRuns: 50 },
    );
  });

  it('puts a character together that was cut in its middle', async () => {
    const { inbound, closed, settle } = conversation();
    const bytes = Buffer.from('{"é":1}\n');
    for (const byte of bytes) inbound.write(Buffer.of(byte));
    await settle();
    expect(closed).toEqual(['broke the protocol: é: expected no such key, found 1']);
  });

  it.each<[string, string, string]>([
    ['what is not JSON', 'GET / HTTP/1.1\n', 'broke the protocol: '],
    ['an empty line', '\n', 'broke the protocol: '],
    ['another shape', '{"n":"1"}\n', 'broke the protocol: n: expected a whole number'],
    ['an unknown key', '{"n":1,"m":1}\n', 'broke the protocol: m: expected no such key'],
    ['a list', '[]\n', 'broke the protocol: value: expected an object'],
    ['an oversize line', `{"n":1${' '.repeat(MAX_LINE)}}\n`, 'broke the protocol: a line of'],
    ['an oversize line that does not end', ' '.repeat(MAX_LINE + 1), 'broke the protocol: a line of more than'],
  ])('cuts the peer off at %s, and hears nothing after it', async (_title, bytes, reason) => {
    const { inbound, stream, messages, closed, settle, lines } = conversation();
    inbound.write('{"n":1}\n');
    inbound.write(bytes);
    await settle();
    inbound.write('{"n":2}\n');
    await settle();
    inbound.write('{"n":3}\n');
    inbound.end();
    await settle();
    expect(messages).toEqual([1]);
    expect(closed).toHaveLength(1);
    expect(closed[0]).toContain(reason);
    expect(closed[0]?.length).toBeLessThan(200);
    expect(stream.destroyed).toBe(true);
    expect(lines.send({ n: 1 })).toBe(false);
  });

  it('takes a line of exactly the longest length', async () => {
    const { inbound, messages, settle } = conversation();
    const text = '{"n":1}';
    inbound.write(`${text}${' '.repeat(MAX_LINE - text.length)}\n`);
    await settle();
    expect(messages).toEqual([1]);
  });

  it('hears no further line of a chunk once it was closed by a message in it', async () => {
    const { inbound, messages, closed, settle } = conversation((lines, n) => {
      if (n === 2) lines.close();
    });
    inbound.write('{"n":1}\n{"n":2}\n{"n":3}\n');
    await settle();
    expect(messages).toEqual([1, 2]);
    expect(closed).toEqual(['closed here']);
  });

  it('says once that the peer is gone, and drops half a line', async () => {
    const { inbound, messages, closed, settle, lines } = conversation();
    inbound.end('{"n":1}\n{"n":');
    await settle();
    lines.close();
    expect(messages).toEqual([1]);
    expect(closed).toEqual(['the peer closed']);
  });

  it('says once that the connection failed', async () => {
    const { stream, closed, settle, lines } = conversation();
    stream.destroy(new Error('ECONNRESET'));
    await settle();
    lines.close();
    expect(closed).toEqual(['ECONNRESET']);
  });

  it('sends one line a message', async () => {
    const { outbound, settle, lines } = conversation();
    expect(lines.send({ text: 'a\nb' })).toBe(true);
    expect(lines.send(7)).toBe(true);
    await settle();
    expect(outbound.read()?.toString()).toBe('{"text":"a\\nb"}\n7\n');
  });
});
