import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import type { Delivery } from '../../daemon/base/protocol.ts';
import { Secret } from '../../daemon/base/secret.ts';
import type { IntakeSource } from '../../daemon/intake/ports.ts';
import { recorded, SeenDeliveries, traceOf } from '../../daemon/intake/replay.ts';
import {
  authorized,
  type Bench,
  bench,
  detector,
  head,
  ManualClock,
  post,
  prometheus,
  signed,
  speak,
} from './helpers.ts';

const SECRET = 'secret-of-the-git-host-0123456789';
const github: IntakeSource = {
  ...detector,
  name: 'github',
  auth: { scheme: 'github', secrets: [Secret.fromText(SECRET)] },
};
const other: IntakeSource = { ...github, name: 'other' };
const hub = (body: string) => ({
  'x-hub-signature-256': `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`,
});
const destructive = '{"type":"agent.destructive"}';
const harmless = '{"type":"agent.idle"}';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function start(options: Parameters<typeof bench>[0] = {}): Promise<Bench> {
  const started = await bench({ sources: [prometheus, detector, github, other], ...options });
  stops.push(started.stop);
  return started;
}

describe('what is sent again', () => {
  test('trips as often as it comes, and is recorded as a repetition from the second time on', async () => {
    const { port, gate, delivered } = await start();
    for (const replay of [undefined, true, true]) {
      expect((await post(port, '/alerts/github', hub(destructive), destructive)).body).toMatchObject({ tripped: true });
      const delivery = await delivered();
      expect(delivery).toMatchObject({ outcome: 'tripped' });
      expect(delivery.replay).toBe(replay);
      expect(delivery.firstSeenWall).toEqual(replay && expect.any(Number));
    }
    expect(gate.causes).toHaveLength(3);
  });

  test('is none at another source, with another body, or from a sender who signs nothing', async () => {
    const { port, delivered } = await start();
    const send = async (path: string, headers: Record<string, string>, body: string) => {
      expect(await post(port, path, headers, body)).toMatchObject({ status: 202 });
      return (await delivered()).replay;
    };
    expect(await send('/alerts/github', hub(harmless), harmless)).toBeUndefined();
    expect(await send('/alerts/other', hub(harmless), harmless)).toBeUndefined();
    expect(await send('/alerts/github', hub(destructive), destructive)).toBeUndefined();
    for (let times = 0; times < 3; times++)
      expect(await send('/alerts/prometheus', authorized, harmless)).toBeUndefined();
    expect(await send('/alerts/github', hub(harmless), harmless)).toBe(true);
  });

  test('whatever delivery id and headers it carries', async () => {
    const { port, delivered } = await start();
    for (const [id, replay] of [
      ['one', undefined],
      ['two', true],
    ] as const) {
      await post(port, '/alerts/github', { ...hub(harmless), 'x-github-delivery': id }, harmless);
      expect((await delivered()).replay).toBe(replay);
    }
  });

  test('is no sign of life, though its sender hears nothing of it', async () => {
    const { port, delivered } = await start();
    const first = await post(port, '/heartbeat/github', hub(harmless), harmless);
    expect(await delivered()).toMatchObject({ outcome: 'heartbeat' });
    const again = await post(port, '/heartbeat/github', hub(harmless), harmless);
    expect([again.status, again.text]).toEqual([first.status, first.text]);
    expect(await delivered()).toMatchObject({
      outcome: 'matched-none',
      replay: true,
      detail: expect.stringContaining('no sign of life'),
    });
  });

  test('an alert sent again as a heartbeat is none', async () => {
    const { port, delivered } = await start();
    await post(port, '/alerts/github', hub(destructive), destructive);
    await delivered();
    await post(port, '/heartbeat/github', hub(destructive), destructive);
    expect(await delivered()).toMatchObject({ outcome: 'matched-none', replay: true });
  });

  test('by a sender who signs the time it is the same body at the same time', async () => {
    const clock = new ManualClock();
    const { port, delivered } = await start({ clock });
    const beat = async (headers: Record<string, string>) => {
      expect(await post(port, '/heartbeat/detector', headers, '')).toMatchObject({ status: 202 });
      return (await delivered()).outcome;
    };
    const first = signed('', { wall: clock.wallMs });
    expect(await beat(first)).toBe('heartbeat');
    expect(await beat(first)).toBe('matched-none');
    // The same words a minute later are a sign of life; the first ones still are not.
    clock.wallMs += 60_000;
    expect(await beat(signed('', { wall: clock.wallMs }))).toBe('heartbeat');
    expect(await beat(first)).toBe('matched-none');
  });

  test('is told also where the body was too large to be kept', async () => {
    const { port, gate, delivered } = await start({ maxBody: 1024 });
    const large = JSON.stringify({ type: 'x' }).padEnd(2000);
    for (const replay of [undefined, true]) {
      expect((await post(port, '/alerts/github', hub(large), large)).body).toMatchObject({ tripped: true });
      expect(await delivered()).toMatchObject({ outcome: 'tripped', bytes: 2000, ...(replay && { replay }) });
    }
    const chunks = `${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`;
    const headers = { ...hub(large), 'transfer-encoding': 'chunked' };
    await speak(port, head('/heartbeat/github', headers, 0), chunks).answer;
    expect(await delivered()).toMatchObject({ outcome: 'matched-none', replay: true });
    expect(gate.causes).toHaveLength(2);
  });

  test('is not counted twice by a rule that goes by rate, and what is new is', async () => {
    const rule = {
      id: 'many',
      on: 'alert' as const,
      act: 'rate' as const,
      reason: 'Many.',
      when: { path: ['type'], op: 'exists' as const },
    };
    const { port, gate, delivered } = await start({ sources: [{ ...github, rules: [rule] }] });
    const send = async (n: number) => {
      const body = JSON.stringify({ type: 'x', n });
      const { body: said } = await post(port, '/alerts/github', hub(body), body);
      await delivered();
      return said['tripped'];
    };
    for (let times = 0; times < 10; times++) expect(await send(0)).toBe(false);
    expect([await send(1), await send(2), await send(3), await send(4)]).toEqual([false, false, false, true]);
    expect(gate.causes).toHaveLength(1);
  });

  test('a rate that was reached while the gate did not answer is reached by the next attempt', async () => {
    const rule = {
      id: 'many',
      on: 'alert' as const,
      act: 'rate' as const,
      rate: { count: 1, within: '10m' },
      reason: 'Many.',
      when: { path: ['type'], op: 'exists' as const },
    };
    const { port, gate, delivered } = await start({ sources: [{ ...github, rules: [rule] }] });
    gate.failure = new Error('gone');
    expect(await post(port, '/alerts/github', hub(harmless), harmless)).toMatchObject({ status: 503 });
    await delivered();
    gate.failure = undefined;
    expect((await post(port, '/alerts/github', hub(harmless), harmless)).body).toMatchObject({ tripped: true });
  });

  test('after the gate did not answer it is no repetition: it has had no effect yet', async () => {
    const { port, gate, delivered } = await start();
    gate.failure = new Error('gone');
    expect(await post(port, '/alerts/github', hub(destructive), destructive)).toMatchObject({ status: 503 });
    expect(await delivered()).toMatchObject({ outcome: 'failed' });
    gate.failure = undefined;
    expect(await post(port, '/alerts/github', hub(destructive), destructive)).toMatchObject({ status: 202 });
    const delivery = await delivered();
    expect(delivery).toMatchObject({ outcome: 'tripped' });
    expect(delivery.replay).toBeUndefined();
  });

  test('while the gate does not answer it is a repetition still: nobody seems alive by it', async () => {
    const { port, gate, delivered } = await start();
    await post(port, '/alerts/github', hub(destructive), destructive);
    await delivered();
    gate.failure = new Error('gone');
    expect(await post(port, '/alerts/github', hub(destructive), destructive)).toMatchObject({ status: 503 });
    expect(await delivered()).toMatchObject({ outcome: 'failed', replay: true });
  });

  test('a refused request is remembered by nobody', async () => {
    const { port, delivered } = await start();
    expect(await post(port, '/heartbeat/github', hub('x'), harmless)).toMatchObject({ status: 401 });
    await delivered();
    await post(port, '/heartbeat/github', hub(harmless), harmless);
    expect(await delivered()).toMatchObject({ outcome: 'heartbeat' });
  });

  test('a memory that fails delays and changes no answer', async () => {
    const seen = {
      seen: () => undefined,
      note() {
        throw new Error('no memory');
      },
    };
    const { port, gate } = await start({ seen });
    for (let times = 0; times < 2; times++)
      expect((await post(port, '/alerts/github', hub(destructive), destructive)).body).toMatchObject({ tripped: true });
    expect(gate.causes).toHaveLength(2);
  });
});

describe('the memory', () => {
  test('keeps the newest, in constant space, and when each came first', () => {
    const seen = new SeenDeliveries(3);
    for (const [n, key] of ['a', 'b', 'a', 'c', 'd'].entries()) seen.note(key, n);
    expect(['a', 'b', 'c', 'd'].map((key) => seen.seen(key))).toEqual([undefined, 1, 3, 4]);
    expect(seen.entries()).toHaveLength(3);
  });

  test('what was seen by an earlier process came before, and is the first to go', () => {
    const seen = new SeenDeliveries(3);
    seen.note('a', 10);
    seen.note('b', 11);
    seen.precede([
      ['x', 1],
      ['a', 2],
    ]);
    expect(seen.entries()).toEqual([
      ['x', 1],
      ['a', 2],
      ['b', 11],
    ]);
    seen.note('c', 12);
    expect(seen.seen('x')).toBeUndefined();
  });

  test('one source cannot pass for another, nor a body for a body and a time', () => {
    const bytes = Buffer.from('x');
    const body = { kind: 'whole', bytes, size: 1 } as const;
    const key = (source: string, by?: { at: number } | { text: Buffer }) =>
      traceOf(source, body, { by, digest: () => undefined }).key();
    const keys = [key('a'), key('b'), key('a', { at: 1 }), key('a', { at: 2 }), key('a', { text: Buffer.from('y') })];
    expect(new Set(keys).size).toBe(keys.length);
    expect(key('a', { text: bytes })).toBe(key('a'));
    expect(traceOf('a', body).key()).toBeUndefined();
  });

  test('nothing is known of a delivery without a key', () => {
    const delivery: Delivery = { wall: 1, source: 'a', outcome: 'tripped', detail: '', bytes: 0, digest: '' };
    expect(recorded(delivery, undefined, new SeenDeliveries())).toBe(delivery);
  });
});
