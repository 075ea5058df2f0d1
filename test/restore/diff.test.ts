import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { type DiffOptions, diff, type SnapshotChange } from '../../daemon/restore/diff.ts';
import { find } from '../../daemon/restore/find.ts';
import { rewrittenIn } from '../../daemon/restore/rewritten.ts';
import type { Subject } from '../../daemon/restore/subject.ts';
import { SeenFiles } from '../../daemon/vault/seen-files.ts';
import { commit, git, never, sampleRepository, source, temporary } from '../sources/helpers.ts';
import { noise, type Tree } from '../vault/world.ts';
import { DAY, document, ForgeWorld, forgeTree, inOrder, issue, mirrorTree, put } from './forge-world.ts';

const APP = 'repositories/acme/app';
let forge: ForgeWorld;

beforeEach(async () => {
  forge = await ForgeWorld.create();
});
afterEach(() => forge.world.cleanUp());

async function differences(from: number, to: number, more: Partial<DiffOptions> = {}): Promise<SnapshotChange[]> {
  const vault = await forge.open();
  const snapshots = await vault.snapshots();
  const found: SnapshotChange[] = [];
  const options = { vault, before: snapshots[from - 1]!, after: snapshots[to - 1]!, signal: never, ...more };
  for await (const one of diff(options)) found.push(one);
  return found;
}

const shown = (one: SnapshotChange) =>
  one.type === 'path' ? `${one.change} ${one.path}${one.what.length > 0 ? ` ${one.what}` : ''}` : one;

async function search(subject: Subject) {
  const vault = await forge.open();
  return find({ vault, snapshots: await vault.snapshots(), subject, signal: never });
}

const told = ({ sightings }: { sightings: readonly { seq: number; what: string }[] }) =>
  sightings.map(({ seq, what }) => `${seq} ${what}`);

const files = { name: 'files', kind: 'directory' };

describe('between two snapshots of files', () => {
  it('every difference is named, and what was only sealed again is none', async () => {
    const before: Tree = {
      same: Buffer.from('same'),
      small: Buffer.from('aaa'),
      big: noise(100_000, 1),
      gone: Buffer.from('x'),
      'd/e': Buffer.from('e'),
    };
    await forge.snapshot(before, files);
    // Streams are sealed anew each time: what is small lies in another bundle.
    const after: Tree = {
      same: Buffer.from('same'),
      small: Buffer.from('bbb'),
      big: noise(100_000, 2),
      'd/f': Buffer.from('f'),
      new: { link: 'same' },
    };
    await forge.snapshot(after, files);
    expect((await differences(1, 2)).map(shown)).toEqual([
      'changed big content',
      'removed d/e',
      'added d/f',
      'removed gone',
      'added new',
      'changed small content',
    ]);
    expect((await differences(1, 2, { prefix: 'd' })).map(shown)).toEqual(['removed d/e', 'added d/f']);
    expect(await differences(1, 1)).toEqual([]);
  });

  it('what looks like a repository or a document in a folder of files is files', async () => {
    const path = 'repositories/a/b/issues/1.json';
    await forge.snapshot({ 'x/.git/config': Buffer.from('a'), [path]: Buffer.from('no json') }, files);
    await forge.snapshot({ 'x/.git/config': Buffer.from('b'), [path]: Buffer.from('other') }, files);
    expect((await differences(1, 2)).map(shown)).toEqual([`changed ${path} content`, 'changed x/.git/config content']);
  });

  it('apply to any first tree and give the second, through a real vault', async () => {
    const path = fc
      .array(fc.constantFrom('a', 'a-', 'b', 'c.d'), { minLength: 1, maxLength: 3 })
      .map((one) => one.join('/'));
    const content = fc.tuple(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 0, max: 2 }));
    const tree = fc.dictionary(path, content, { maxKeys: 12 });
    await fc.assert(
      fc.asyncProperty(tree, tree, async (a, b) => {
        await forge.world.cleanUp();
        forge = await ForgeWorld.create();
        const made = [a, b].map((of) => {
          const isFolder = (name: string) => Object.keys(of).some((other) => other.startsWith(`${name}/`));
          return Object.fromEntries(
            Object.entries(of)
              .filter(([name]) => !isFolder(name))
              .map(([name, [size, seed]]) => [name, noise(size, seed)]),
          ) as Record<string, Buffer>;
        });
        for (const one of made) await forge.snapshot(one, files);
        const vault = await forge.open();
        const second = (await vault.snapshots())[1]!;
        const result = new Map(Object.entries(made[0]!));
        for (const one of await differences(1, 2)) {
          if (one.type !== 'path') continue;
          const name = one.path.toString();
          if (one.change === 'removed' || one.of === 'directory') result.delete(name);
          else if (one.of === 'file') result.set(name, made[1]![name]!);
        }
        expect([...result].sort()).toEqual(Object.entries(made[1]!).sort());
        expect(second.seq).toBe(2);
      }),
      { numRuns: 8 },
    );
  }, 120_000);

  it('reads only the pieces of the lists that differ', async () => {
    const root = await temporary();
    for (let number = 0; number < 3000; number += 1)
      await writeFile(join(root, String(number).padStart(5, '0')), `${number}`);
    const big = noise(3_000_000, 7);
    await writeFile(join(root, '00800.big'), big);
    const seal = async () => {
      const pulled = await source({ kind: 'directory', name: 'files', path: root, exclude: [], canaries: [] }).pull({
        workdir: root,
        signal: never,
      });
      // Long after the files were written: what is young is read again.
      const { vaultId, secrets } = forge.world;
      const secret = secrets.sealing.reveal();
      const seen = new SeenFiles(() => systemClock.wall() + DAY, { path: forge.path('seen'), secret, vaultId });
      return forge.snapshot(pulled.entries, files, { seen });
    };
    await seal();
    await writeFile(join(root, '00700'), 'x');
    await writeFile(join(root, '01400'), 'y');
    await seal();
    let pieces = { same: 0, read: 0 };
    expect((await differences(1, 2, { pieces: (told) => (pieces = told) })).map(shown)).toEqual([
      'changed 00700 content',
      'changed 01400 content',
    ]);
    // Each of the two changes costs a piece or two of each list.
    expect(pieces.same).toBeGreaterThan(pieces.read);
    big[big.length - 1] = (big.at(-1) ?? 0) ^ 1;
    await writeFile(join(root, '00800.big'), big);
    await seal();
    expect((await differences(2, 3)).map(shown)).toEqual(['changed 00800.big content']);
  }, 180_000);
});

describe('between two snapshots of a forge', () => {
  async function two() {
    const origin = await sampleRepository();
    const workdir = await temporary();
    const tree = { ...forgeTree(), ...(await mirrorTree(origin, `${APP}/repository.git`, workdir)) };
    tree[`${APP}/repository.json`] = document('repository', 'acme/app', { path: 'acme/app' });
    for (const number of [1, 2, 3]) put(tree, 'issues', 'acme/app', String(number), issue(number));
    put(tree, 'variables', 'acme/app', 'TOKEN', { name: 'TOKEN', value: 'recognisable-aaa' });
    put(tree, 'variables', 'acme/app', 'production/TOKEN', { name: 'TOKEN', value: 'x', environment: 'production' });
    await forge.snapshot(tree);
    const before = { main: git(origin, 'rev-parse', 'main'), x: git(origin, 'rev-parse', 'feature/x') };
    git(origin, 'checkout', '--quiet', 'main');
    git(origin, 'branch', '--quiet', 'kept', 'main');
    git(origin, 'reset', '--quiet', '--hard', 'main~1');
    commit(origin, 'a', 'rewritten');
    git(origin, 'branch', '--quiet', '-D', 'feature/x');
    const after = { ...tree, ...(await mirrorTree(origin, `${APP}/repository.git`, workdir)) };
    put(after, 'issues', 'acme/app', '2', issue(2, { title: 'Renamed' }));
    put(after, 'issues', 'acme/app', '3', issue(3), '2026-10-10T00:00:00.000Z');
    put(after, 'issues', 'acme/app', '4', issue(4));
    put(after, 'variables', 'acme/app', 'TOKEN', { name: 'TOKEN', value: 'recognisable-bbb' });
    await forge.snapshot(after);
    return { origin, before, after, workdir };
  }

  it('refs and documents are told, values never', async () => {
    const { origin, before } = await two();
    const vault = await forge.open();
    const snapshot = (await vault.snapshots())[1]!;
    const rewritten = rewrittenIn(
      { vault, snapshot, signal: never, threads: 0, environment: process.env, clock: systemClock },
      await temporary(),
    );
    const found = await differences(1, 2, { rewritten });
    const repository = 'acme/app';
    const main = git(origin, 'rev-parse', 'main');
    expect(found).toEqual([
      { type: 'document', repository, collection: 'issues', key: '2', change: 'changed' },
      { type: 'document', repository, collection: 'issues', key: '3', change: 'gone' },
      { type: 'document', repository, collection: 'issues', key: '4', change: 'added' },
      { type: 'ref', repository, change: 'deleted', ref: 'refs/heads/feature/x', before: before.x },
      { type: 'ref', repository, change: 'created', ref: 'refs/heads/kept', after: before.main },
      {
        type: 'ref',
        repository,
        change: 'moved',
        ref: 'refs/heads/main',
        before: before.main,
        after: main,
        rewritten: true,
      },
      { type: 'document', repository, collection: 'variables', key: 'TOKEN', change: 'changed' },
    ]);
    expect(JSON.stringify(found)).not.toContain('recognisable');
    const back = await differences(2, 1);
    expect(back).toContainEqual({ type: 'document', repository, collection: 'issues', key: '3', change: 'returned' });
    expect((await differences(1, 2, { files: true })).length).toBeGreaterThan(found.length);
  });

  it('a branch that went forward was not rewritten', async () => {
    const { origin, after, workdir } = await two();
    commit(origin, 'b', 'more');
    await forge.snapshot({ ...after, ...(await mirrorTree(origin, `${APP}/repository.git`, workdir)) });
    const vault = await forge.open();
    const snapshot = (await vault.snapshots())[2]!;
    const given = { vault, snapshot, signal: never, threads: 0, environment: process.env, clock: systemClock };
    const rewritten = rewrittenIn(given, await temporary());
    expect(await differences(2, 3, { rewritten })).toMatchObject([{ change: 'moved', rewritten: false }]);
  });

  it('find tells when a branch, issue, variable, file and repository was there', async () => {
    const { after } = await two();
    await forge.snapshot(after);
    const last = { ...after };
    for (const path of Object.keys(last)) if (path.startsWith('repositories/')) delete last[path];
    await forge.snapshot(last);
    const branch = (name: string): Subject => ({ kind: 'ref', repository: 'acme/app', ref: { kind: 'branch', name } });
    const [x] = (await search(branch('feature/x'))).found;
    expect(x).toMatchObject({ label: 'branch feature/x of repository acme/app', last: { seq: 1 }, now: undefined });
    expect(told(x!)).toEqual(['1 appeared', '2 vanished']);
    expect((await search(branch('main'))).found.map(told)).toEqual([['1 appeared', '2 changed', '4 vanished']]);
    expect((await search(branch('none'))).found).toEqual([]);
    const gone = (await search({ kind: 'issue', repository: 'acme/app', number: 3 })).found;
    expect(gone.map(told)).toEqual([['1 appeared', '2 gone', '4 vanished']]);
    expect(gone[0]).toMatchObject({ first: { seq: 1 }, last: { seq: 1 } });
    const variable = await search({ kind: 'variable', repository: 'acme/app', name: 'TOKEN' });
    expect(variable.found.map((one) => [one.label, ...told(one)])).toEqual([
      ['variable TOKEN of acme/app', '1 appeared', '2 changed', '4 vanished'],
      ['variable production/TOKEN of acme/app', '1 appeared', '4 vanished'],
    ]);
    expect(JSON.stringify(variable)).not.toContain('recognisable');
    const repository = await search({ kind: 'repository', repository: 'acme/app' });
    expect(repository.found.map(told)).toEqual([['1 appeared', '2 changed', '4 vanished']]);
    const path = await search({ kind: 'path', path: `${APP}/issues/2.json` });
    expect(path.found.map(told)).toEqual([['1 appeared', '2 changed', '4 vanished']]);
    const folder = await search({ kind: 'path', path: `${APP}/issues` });
    expect(folder.found.map(told)).toEqual([['1 appeared', '2 changed', '4 vanished']]);
    const glob = await search({ kind: 'path', path: 'repositories/*/app/issues/?.json' });
    expect(glob.found.map((one) => [one.label.slice(-6), ...told(one)])).toEqual([
      ['1.json', '1 appeared', '4 vanished'],
      ['2.json', '1 appeared', '2 changed', '4 vanished'],
      ['3.json', '1 appeared', '2 changed', '4 vanished'],
      ['4.json', '2 appeared', '4 vanished'],
    ]);
  });

  it('a snapshot that cannot be looked into is named, and the others are told', async () => {
    const tree = { ...forgeTree() };
    put(tree, 'issues', 'acme/app', '1', issue(1));
    await forge.snapshot(tree);
    await forge.snapshot({ ...tree, [`${APP}/issues/1.json`]: Buffer.from('{') });
    await forge.snapshot(tree);
    const { found, unread } = await search({ kind: 'issue', repository: 'acme/app', number: 1 });
    expect(unread).toEqual([{ seq: 2, reason: expect.stringContaining('issues/1.json is no JSON') }]);
    expect(found.map(told)).toEqual([['1 appeared']]);
  });
});

it('a list that is not in tree order is compared all the same', async () => {
  async function* backwards(tree: Tree) {
    const entries = [];
    for await (const entry of inOrder(tree)) entries.push(entry);
    yield* entries.reverse();
  }
  await forge.snapshot(backwards({ a: Buffer.from('a'), b: Buffer.from('b') }), files);
  await forge.snapshot(backwards({ a: Buffer.from('a'), b: Buffer.from('c'), d: Buffer.from('d') }), files);
  expect((await differences(1, 2)).map(shown)).toEqual(['changed b content', 'added d']);
});
