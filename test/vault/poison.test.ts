import { createCipheriv, createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { directorySource } from '../../daemon/sources/directory.ts';
import { doubts, type EarlierFigures } from '../../daemon/vault/poison.ts';
import { noise, type Tree, World } from './world.ts';

/** Prose of `length` bytes that compresses as prose does. */
function prose(length: number, seed: number): Buffer {
  const words = noise(length, seed);
  const text = Buffer.alloc(length);
  for (let at = 0; at < length; at++) text[at] = (words[at] ?? 0) % 6 === 0 ? 32 : 97 + ((words[at] ?? 0) % 11);
  return text;
}

/** A project: 60 sources, 4 pictures, a vendored library of 30 files, and a log that grows. */
function project(): Tree {
  const tree: Tree = {};
  for (let n = 0; n < 60; n++) tree[`src/${n}.ts`] = prose(12_000, n + 1);
  for (let n = 0; n < 4; n++) tree[`img/${n}.jpg`] = noise(40_000, n + 500);
  for (let n = 0; n < 30; n++) tree[`vendor/${n}.js`] = prose(20_000, n + 1000);
  tree['log/app.log'] = prose(150_000, 3000);
  return tree;
}

const encrypted = (plain: Buffer, key = 7) => {
  const cipher = createCipheriv('aes-256-ctr', Buffer.alloc(32, key), Buffer.alloc(16));
  return Buffer.concat([cipher.update(plain), cipher.final()]);
};
const files = (tree: Tree) =>
  Object.entries(tree).filter((entry): entry is [string, Buffer] => Buffer.isBuffer(entry[1]));

describe('a source that is sealed day by day', () => {
  let world: World;
  let tree: Tree;
  beforeEach(async () => {
    world = await World.create();
    tree = project();
    for (let day = 0; day < 4; day++) {
      tree[`src/${day}.ts`] = prose(12_500, 9000 + day);
      tree['log/app.log'] = Buffer.concat([tree['log/app.log'] as Buffer, prose(20_000, 9100 + day)]);
      expect((await world.seal(tree)).doubts).toEqual([]);
    }
  });
  afterEach(() => world.cleanUp());

  const map = (some: (name: string, at: number) => boolean, change: (bytes: Buffer) => Buffer): Tree =>
    Object.fromEntries(files(tree).map(([name, bytes], at) => [name, some(name, at) ? change(bytes) : bytes]));

  it.each<[string, () => Tree]>([
    [
      'a release that touches half of the sources',
      () =>
        map(
          (name, at) => name.startsWith('src/') && at % 2 === 0,
          (bytes) => prose(bytes.length, bytes[0] ?? 1),
        ),
    ],
    [
      'a vendored library in a new version',
      () =>
        map(
          (name) => name.startsWith('vendor/'),
          (bytes) => prose(bytes.length + 900, (bytes[9] ?? 0) + 77),
        ),
    ],
    [
      'a log that is rotated and compressed',
      () => ({ ...tree, 'log/app.log': prose(2000, 5), 'log/app.log.1.gz': noise(60_000, 6) }),
    ],
    ['a few pictures more', () => ({ ...tree, 'img/a.jpg': noise(90_000, 8), 'img/b.jpg': noise(90_000, 9) })],
    [
      'a directory that is cleaned up',
      () => Object.fromEntries(files(tree).filter(([name]) => !/^vendor\/1/.test(name))),
    ],
    [
      'everything moved into a folder',
      () => Object.fromEntries(files(tree).map(([name, bytes]) => [`moved/${name}`, bytes])),
    ],
    ['nothing at all changed', () => tree],
  ])('does not raise an alarm over %s', async (_, change) => {
    expect((await world.seal(change())).doubts).toEqual([]);
  });

  it.each<[string, () => Tree, RegExp]>([
    ['everything encrypted in place', () => map(() => true, encrypted), /is new, and looks encrypted/],
    [
      'everything encrypted under new names',
      () => Object.fromEntries(files(tree).map(([name, bytes]) => [`${name}.locked`, encrypted(bytes)])),
      /looks encrypted/,
    ],
    ['a third encrypted before it was noticed', () => map((_, at) => at % 3 === 0, encrypted), /looks encrypted/],
    [
      'most files deleted',
      () => Object.fromEntries(files(tree).filter(([name]) => !name.startsWith('src/'))),
      /of its files are gone/,
    ],
    [
      'files emptied',
      () =>
        map(
          (name) => !name.startsWith('vendor/'),
          () => Buffer.alloc(0),
        ),
      /of its bytes are gone/,
    ],
    ['the source gone', () => ({}), /100 % of its files are gone/],
  ])('raises one over %s: the snapshot is kept, and called suspicious', async (_, change, why) => {
    expect((await world.seal(change())).doubts.join()).toMatch(why);
    await world.ship();
    const snapshots = await world.snapshots();
    expect(snapshots.map(({ status }) => status)).toEqual([...Array(4).fill('complete'), 'suspicious']);
    // The same state again is no news; another blow is.
    expect((await world.seal(change())).doubts).toEqual([]);
  });

  it('raises one over pictures that are none any more: they were as dense before', async () => {
    const jpeg = (n: number) => Buffer.concat([Buffer.from('ffd8ffe0', 'hex'), noise(30_000, n)]);
    const album: Tree = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`${n}.jpg`, jpeg(n + 1)]));
    const options = { source: { name: 'album', kind: 'directory' } };
    for (let day = 0; day < 4; day++) {
      album[`new-${day}.jpg`] = jpeg(100 + day);
      expect((await world.seal(album, options)).doubts).toEqual([]);
    }
    const spoilt = Object.fromEntries(
      Object.entries(album).map(([name, bytes], at) => [name, at % 2 === 0 ? encrypted(bytes as Buffer) : bytes]),
    );
    expect((await world.seal(spoilt, options)).doubts).toContain(
      '50 % of 64 changed files are not what their names say',
    );
  });

  it('pauses retention until somebody has cleared it', async () => {
    await world.seal(map(() => true, encrypted));
    await world.ship();
    const rules = { floor: 1, last: 1 };
    const wall = Date.parse('2027-01-01T00:00:00Z');
    expect(await world.sweep({ rules, wall, graceMs: 0 })).toMatchObject({
      paused: expect.stringContaining('suspicious'),
    });
    const hash = (await world.snapshots()).at(-1)?.hash ?? '';
    const swept = await world.sweep({ rules, wall, graceMs: 0, cleared: new Set([hash]) });
    // The floor is of those that nobody ever doubted.
    expect(swept.buried).toEqual([1, 2, 3]);
  });
});

describe('canary files', () => {
  let world: World;
  let origin: string;
  beforeEach(async () => {
    world = await World.create();
    origin = join(world.folder, 'origin');
    await mkdir(origin);
    await writeFile(join(origin, 'aaa.docx'), 'do not touch');
    await writeFile(join(origin, 'work'), 'work');
  });
  afterEach(() => world.cleanUp());

  async function sealed(): Promise<readonly string[]> {
    const source = directorySource({ name: 'files', path: origin, exclude: [] });
    const { entries } = await source.pull({ workdir: origin, signal: new AbortController().signal });
    const { doubts: found } = await world.seal(entries, { isCanary: (path) => path.toString().startsWith('aaa') });
    await world.ship();
    return found;
  }

  it('raise an alarm when one is touched or gone, without any history, and once', async () => {
    expect(await sealed()).toEqual([]);
    await writeFile(join(origin, 'work'), 'more work');
    expect(await sealed()).toEqual([]);
    await writeFile(join(origin, 'aaa.docx'), 'do not touch!');
    expect(await sealed()).toEqual(['1 of its 1 canary files is not what it was']);
    expect((await world.snapshots()).at(-1)?.status).toBe('suspicious');
    expect(await sealed()).toEqual([]);
    await rm(join(origin, 'aaa.docx'));
    expect(await sealed()).toEqual(['1 of its 1 canary files is gone']);
    await symlink('work', join(origin, 'aaa.docx'));
    expect(await sealed()).toEqual([]);
    await rm(join(origin, 'aaa.docx'));
    await writeFile(join(origin, 'aaa.docx'), 'do not touch');
    expect(await sealed()).toEqual(['1 of its 1 canary files is not what it was']);
  });

  it('are remembered without their names and content', async () => {
    await sealed();
    const [name = ''] = await readdir(join(world.state, 'figures'));
    const figures = await readFile(join(world.state, 'figures', name), 'utf8');
    expect(figures).toContain('canaries');
    expect(figures).not.toContain('aaa.docx');
    expect(figures).not.toContain(createHash('sha256').update('do not touch').digest('hex'));
  });
});

describe('the figures', () => {
  const usual: EarlierFigures = {
    files: 1000,
    bytes: 1e9,
    freshBytes: 1e7,
    denseBytes: 2e6,
    named: 100,
    misnamed: 1,
    doubted: false,
  };
  const history = Array.from({ length: 10 }, () => usual);

  it('of a young or tiny source say nothing', () => {
    const wiped = { files: 0, bytes: 0, freshBytes: 0, denseBytes: 0, named: 0, misnamed: 0 };
    expect(doubts(wiped, history.slice(0, 2))).toEqual([]);
    expect(
      doubts(
        wiped,
        history.map((one) => ({ ...one, files: 5, bytes: 1000 })),
      ),
    ).toEqual([]);
    expect(doubts(wiped, history)).not.toEqual([]);
  });

  it('that were doubted are no baseline', () => {
    const attack = { ...usual, files: 1000, bytes: 1e9, freshBytes: 9e8, denseBytes: 9e8 };
    const attacked = [...history, { ...attack, doubted: true }];
    expect(doubts(attack, attacked)).toEqual(doubts(attack, history));
    expect(doubts(attack, history)).toHaveLength(1);
  });

  it('of a source that is dense and new each time only tell of its size', () => {
    const dump = { ...usual, files: 1, bytes: 1e9, freshBytes: 1e9, denseBytes: 1e9 };
    const dumps = history.map(() => ({ ...dump, doubted: false }));
    expect(doubts(dump, dumps)).toEqual([]);
    expect(doubts({ ...dump, bytes: 1e8, freshBytes: 1e8, denseBytes: 1e8 }, dumps)).toEqual([
      '90 % of its bytes are gone',
    ]);
  });
});
