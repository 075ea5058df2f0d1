import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ContentLost, type Entry } from '../../daemon/base/entry.ts';
import { SeenFiles } from '../../daemon/vault/seen-files.ts';
import { noise, print, World } from './world.ts';

/** What an origin has under a path, and by which word it tells it from others. */
interface Origin {
  readonly bytes: Buffer;
  readonly tag?: string;
  readonly size?: number | 'unknown';
  readonly fails?: Error;
}

describe('streams their origin tells apart', () => {
  let world: World;
  let opened: string[];
  beforeEach(async () => {
    world = await World.create();
    opened = [];
  });
  afterEach(() => world.cleanUp());

  async function* entries(origin: Record<string, Origin>): AsyncGenerator<Entry> {
    for (const [path, { bytes, tag, size = bytes.length, fails }] of Object.entries(origin)) {
      async function* open() {
        opened.push(path);
        yield bytes.subarray(0, bytes.length >> 1);
        if (fails !== undefined) throw fails;
        yield bytes.subarray(bytes.length >> 1);
      }
      const identity = tag === undefined ? {} : { identity: { tag, ...(size === 'unknown' ? {} : { size }) } };
      const content = { from: 'stream' as const, open, ...identity };
      yield { kind: 'file', path: Buffer.from(path), mode: 0o600, mtimeNs: 1n, uid: 0, gid: 0, content };
    }
  }

  function memoryAt(name: string): SeenFiles {
    const secret = world.secrets.sealing.reveal();
    return new SeenFiles(() => 0, { path: join(world.folder, name), secret, vaultId: world.vaultId });
  }

  /** Seals, and returns which streams were opened. */
  async function seal(origin: Record<string, Origin>, memory = 'seen') {
    opened = [];
    const sealed = await world.seal(entries(origin), { seen: memoryAt(memory) });
    await world.ship();
    return { opened: [...opened], problems: sealed.problems };
  }

  const origin: Record<string, Origin> = {
    a: { bytes: noise(30_000, 1), tag: 'a one' },
    b: { bytes: Buffer.from('small'), tag: 'b one' },
    c: { bytes: Buffer.from('nobody can tell') },
    d: { bytes: Buffer.alloc(0), tag: 'd one' },
  };

  async function expectRestored(expected: Record<string, Origin>) {
    const seq = (await world.snapshots()).length;
    const { tree } = await world.restore(String(seq));
    expect(print(tree)).toEqual(
      print(Object.fromEntries(Object.entries(expected).map(([p, { bytes }]) => [p, bytes]))),
    );
  }

  it('are not opened again while their identity stays, and are in the snapshot', async () => {
    expect((await seal(origin)).opened).toEqual(['a', 'b', 'c', 'd']);
    for (let round = 0; round < 2; round++) {
      expect((await seal(origin)).opened).toEqual(['c']);
      await expectRestored(origin);
    }
  });

  it('are opened when the tag is another, with the same size and time', async () => {
    await seal(origin);
    const changed = { ...origin, a: { bytes: noise(30_000, 2), tag: 'a two' } };
    expect((await seal(changed)).opened).toEqual(['a', 'c']);
    await expectRestored(changed);
  });

  it('are opened when the tag is the same and the size another, or the path', async () => {
    await seal(origin);
    const longer = { ...origin, a: { bytes: noise(30_001, 1), tag: 'a one' } };
    expect((await seal(longer)).opened).toEqual(['a', 'c']);
    const { a, ...rest } = longer;
    expect((await seal({ a2: a as Origin, ...rest })).opened).toEqual(['a2', 'c']);
  });

  it('need not say how long they are', async () => {
    const unsized = { a: { bytes: noise(5000, 1), tag: 'a', size: 'unknown' as const } };
    await seal(unsized);
    expect((await seal(unsized)).opened).toEqual([]);
    await expectRestored(unsized);
    expect((await seal({ a: { ...unsized.a, tag: 'other' } })).opened).toEqual(['a']);
  });

  it('are all opened when nothing is remembered', async () => {
    await seal(origin);
    expect((await seal(origin, 'another')).opened).toEqual(['a', 'b', 'c', 'd']);
  });

  it('are not remembered when they were not as long as was said', async () => {
    const short = { a: { bytes: noise(5000, 1), tag: 'a', size: 6000 } };
    await seal(short);
    expect((await seal(short)).opened).toEqual(['a']);
  });

  it('are not opened again by the sealing after one that was stopped, as far as it had come', async () => {
    const many: Record<string, Origin> = {};
    for (let at = 10; at < 16; at++) many[`${at}`] = { bytes: randomBytes(6 << 20), tag: `tag ${at}` };
    const stop = new AbortController();
    async function* stopped() {
      for await (const entry of entries(many)) {
        if (entry.path.toString() === '15') stop.abort(new Error('tripped'));
        yield entry;
      }
    }
    const seen = memoryAt('seen');
    await expect(world.seal(stopped(), { seen, signal: stop.signal })).rejects.toThrow('tripped');
    expect(opened).toEqual(['10', '11', '12', '13', '14']);
    const again = (await seal(many)).opened;
    // What was in packs that were not finished has to come again.
    expect(again).toContain('15');
    expect(again.length).toBeLessThan(4);
    await expectRestored(many);
    expect((await seal(many)).opened).toEqual([]);
  });

  it('are a problem each when lost, and are tried again; any other failure is the source’s', async () => {
    const lost = { ...origin, a: { ...(origin['a'] as Origin), fails: new ContentLost('the policy forbids it') } };
    expect((await seal(lost)).problems).toEqual(['a: the policy forbids it']);
    expect((await seal(origin)).opened).toEqual(['a', 'c']);
    await expectRestored(origin);
    const broken = { b: { bytes: Buffer.from('xx'), tag: 'new', fails: new Error('gone') } };
    await expect(seal(broken)).rejects.toThrow('gone');
  });
});
