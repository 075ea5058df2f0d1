import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Destination, RestoreRequest } from '../../daemon/restore/request.ts';
import { comparePaths } from '../../daemon/vault/paths.ts';
import type { Store } from '../../daemon/vault/store.ts';
import { commit, git, sampleRepository, temporary } from '../sources/helpers.ts';
import { noise } from '../vault/world.ts';
import { document, ForgeWorld, forgeTree, inOrder, issue, memory, mirrorTree, put } from './forge-world.ts';

const APP = 'repositories/acme/app';
const SECRET = 'ghs_recognisable0123456789';

let forge: ForgeWorld;
let origin: string;

beforeEach(async () => {
  forge = await ForgeWorld.create();
});
afterEach(() => forge.world.cleanUp());

/** Snapshot 1 of a forge: one repository with code, issues, pull requests, variables and a secret's name. */
async function sample(change: (tree: Awaited<ReturnType<typeof mirrorTree>>) => void = () => {}) {
  origin = await sampleRepository();
  const tree = { ...forgeTree(), ...(await mirrorTree(origin, `${APP}/repository.git`)) };
  tree[`${APP}/repository.json`] = document('repository', 'acme/app', { path: 'acme/app' });
  for (const number of [1, 2, 12]) put(tree, 'issues', 'acme/app', String(number), issue(number));
  const from = { branch: 'feature/x' };
  put(tree, 'pulls', 'acme/app', '3', issue(3, { from, into: { branch: 'main' }, draft: false }));
  put(tree, 'variables', 'acme/app', 'TOKEN', { name: 'TOKEN', value: SECRET });
  put(tree, 'variables', 'acme/app', 'production/URL', { name: 'URL', value: "it's $HOME", environment: 'production' });
  put(tree, 'secrets', 'acme/app', 'KEY', { name: 'KEY' });
  put(tree, 'variables', undefined, 'REGION', { name: 'REGION', value: 'eu' });
  change(tree);
  await forge.snapshot(tree);
  return tree;
}

const repository = (more: object = {}): RestoreRequest =>
  ({ grain: 'repository', repository: 'acme/app', as: 'bare', ...more }) as RestoreRequest;
const oneIssue = (more: object = {}): RestoreRequest =>
  ({ grain: 'issue', repository: 'acme/app', number: 12, formats: ['json', 'markdown'], ...more }) as RestoreRequest;
const variables = (more: object = {}): RestoreRequest =>
  ({
    grain: 'variables',
    repository: 'acme/app',
    name: undefined,
    environment: undefined,
    formats: ['env', 'json', 'calls'],
    ...more,
  }) as RestoreRequest;

/** Everything in the world's folder but what belongs to the vault. */
async function leftovers(): Promise<string[]> {
  return (await readdir(forge.world.folder)).filter((name) => !['vault', 'staging', 'state'].includes(name)).sort();
}

/** The store, telling what is read of packs. */
function counting(): { store: Store; packs: string[] } {
  const packs: string[] = [];
  const { store } = forge.world;
  const watched = new Proxy(store, {
    get(target, name) {
      if (name !== 'get') return Reflect.get(target, name).bind(target);
      return async (object: string, range?: { offset: number; length: number }) => {
        if (object.startsWith('packs/')) packs.push(`${object} ${range?.offset}`);
        return target.get(object, range);
      };
    },
  });
  return { store: watched, packs };
}

describe('a repository', () => {
  it.each(['bare', 'clone', 'bundle'] as const)('comes back %s with every ref', async (as) => {
    await sample();
    const report = await forge.restore(repository({ as }), 'out');
    expect(report).toMatchObject({ failures: [], gone: [] });
    const at = forge.path('out');
    const bare = as === 'bundle' ? forge.path('clone') : at;
    if (as === 'bundle') git('.', 'clone', '--quiet', '--mirror', at, bare);
    const format = ['for-each-ref', '--format=%(refname) %(objectname)'];
    expect(git(bare, ...format)).toBe(git(origin, ...format));
    expect(git(bare, 'fsck', '--full')).toBe('');
    if (as === 'clone') expect(git(bare, 'status', '--porcelain')).toBe('');
    if (as === 'clone')
      expect(await readdir(bare)).toEqual(['.git', ...(await readdir(origin)).filter((n) => n !== '.git')]);
    expect(await leftovers()).toEqual(as === 'bundle' ? ['clone', 'out'] : ['out']);
  });

  it('is the only one of a git source without a name', async () => {
    origin = await sampleRepository();
    await forge.snapshot(await mirrorTree(origin, 'code.git'), { name: 'code', kind: 'git' });
    await forge.restore(repository({ repository: undefined }), 'out');
    expect(git(forge.path('out'), 'rev-parse', 'main')).toBe(git(origin, 'rev-parse', 'main'));
    await forge.restore(repository({ repository: 'code.git' }), 'again');
    await expect(forge.restore(repository({ repository: 'other' }), 'no')).rejects.toMatchObject({
      code: 'restore.absent',
      what: expect.stringContaining('No snapshot of this source has it.'),
    });
  });

  it('that could not be fetched last time comes back as it was before, and that is told', async () => {
    origin = await sampleRepository();
    const tree = { ...forgeTree(), ...(await mirrorTree(origin, `${APP}/repository.git`)) };
    const lost = `${APP}/repository.git/lfs/objects/aa/bb/lost`;
    async function* entries() {
      const root = Buffer.from(`${APP}/repository.git`);
      const all = [];
      for await (const entry of inOrder(tree))
        all.push(entry.kind === 'directory' && entry.path.equals(root) ? { ...entry, problem: 'not fetched' } : entry);
      all.push({ kind: 'problem', path: Buffer.from(lost), reason: 'not there' } as const);
      yield* all.sort((a, b) => comparePaths(a.path, b.path));
    }
    await forge.snapshot(entries());
    const report = await forge.restore(repository(), 'out');
    expect(report.failures.map(({ path }) => path)).toEqual([`${APP}/repository.git`, lost]);
    expect(git(forge.path('out'), 'rev-parse', 'main')).toBe(git(origin, 'rev-parse', 'main'));
    const ref = { kind: 'branch', name: 'main' } as const;
    const branch = await forge.restore({ grain: 'ref', repository: 'acme/app', ref, as: 'bare' }, 'branch');
    expect(branch.failures.map(({ path }) => path)).toEqual([`${APP}/repository.git`]);
  });

  it('that the origin has deleted is restored, and said to be gone', async () => {
    await sample((tree) => {
      tree[`${APP}/repository.json`] = document('repository', 'acme/app', {}, '2026-10-10T00:00:00.000Z');
    });
    expect((await forge.restore(repository(), 'out')).gone).toEqual([{ path: APP, since: '2026-10-10T00:00:00.000Z' }]);
  });

  it('says in which snapshot it was last, and which sources have none', async () => {
    await sample();
    await forge.snapshot(forgeTree());
    await expect(forge.restore(repository(), 'out', '2')).rejects.toMatchObject({
      code: 'restore.absent',
      what: expect.stringContaining('It was last in snapshot 1 of 2026-11-21T06:30:00.000Z.'),
    });
    await forge.snapshot({ a: Buffer.from('a') }, { name: 'files', kind: 'directory' });
    await expect(forge.restore(repository(), 'out', '3')).rejects.toMatchObject({ code: 'usage.wrong' });
    await expect(forge.restore(repository({ repository: undefined }), 'out')).rejects.toMatchObject({
      code: 'usage.wrong',
    });
    expect(await leftovers()).toEqual([]);
  });
});

describe('a branch or tag', () => {
  it('comes back as it was, and reads nothing but its repository', async () => {
    const tree = await sample();
    const before = git(origin, 'rev-parse', 'main');
    git(origin, 'reset', '--quiet', '--hard', 'main~1');
    commit(origin, 'a', 'rewritten');
    const rewritten = { ...tree, ...(await mirrorTree(origin, `${APP}/repository.git`)) };
    await forge.snapshot(rewritten);
    const ref = { kind: 'branch', name: 'main' } as const;
    const request: RestoreRequest = { grain: 'ref', repository: 'acme/app', ref, as: 'bundle' };
    expect((await forge.restore(request, 'main.bundle')).commit).toBe(before);
    expect((await forge.restore(request, 'new.bundle', '2')).commit).toBe(git(origin, 'rev-parse', 'main'));
    git('.', 'clone', '--quiet', forge.path('main.bundle'), forge.path('clone'));
    expect(git(forge.path('clone'), 'rev-parse', 'HEAD')).toBe(before);
  });

  it.each(['bare', 'clone', 'bundle'] as const)('a tag comes back %s', async (as) => {
    await sample();
    const [name = ''] = git(origin, 'tag').split('\n');
    const request: RestoreRequest = { grain: 'ref', repository: 'acme/app', ref: { kind: 'tag', name }, as };
    const { commit: at } = await forge.restore(request, 'tag');
    expect(at).toBe(git(origin, 'rev-parse', `${name}^{commit}`));
    const clone = as === 'clone' ? forge.path('tag') : forge.path('clone');
    if (as !== 'clone') git('.', '-c', 'advice.detachedHead=false', 'clone', '--quiet', forge.path('tag'), clone);
    expect(git(clone, 'rev-parse', 'HEAD')).toBe(at);
    expect(git(clone, 'status', '--porcelain')).toBe('');
  });

  it('that is only in another snapshot is told with that snapshot', async () => {
    const tree = await sample();
    git(origin, 'branch', '--quiet', '-D', 'feature/x');
    await forge.snapshot({ ...tree, ...(await mirrorTree(origin, `${APP}/repository.git`)) });
    const ref = { kind: 'branch', name: 'feature/x' } as const;
    await expect(
      forge.restore({ grain: 'ref', repository: 'acme/app', ref, as: 'bare' }, 'out', '2'),
    ).rejects.toMatchObject({ code: 'restore.absent', what: expect.stringContaining('It was last in snapshot 1 ') });
  });

  it('gives one file or folder out of it, byte for byte', async () => {
    origin = await sampleRepository();
    await mkdir(join(origin, 'deep'));
    commit(origin, 'deep/ä [1].bin', Buffer.from([0, 255, 13, 10]));
    await writeFile(join(origin, ':(top)odd'), 'odd');
    git(origin, 'add', '--all');
    git(origin, 'commit', '--quiet', '-m', 'Odd');
    const head = git(origin, 'rev-parse', 'HEAD');
    await forge.snapshot(await mirrorTree(origin, 'code.git'), { name: 'code', kind: 'git' });
    const file = (path: string): RestoreRequest => ({
      grain: 'file',
      repository: undefined,
      ref: { kind: 'branch', name: 'main' },
      path,
    });
    const to = memory(await temporary());
    expect((await forge.restore(file('deep/ä [1].bin'), to)).commit).toBe(head);
    expect(to.bytes()).toEqual(Buffer.from([0, 255, 13, 10]));
    await forge.restore(file('deep'), 'deep');
    expect(await readdir(forge.path('deep'))).toEqual(['ä [1].bin']);
    await forge.restore(file(':(top)odd'), 'odd');
    expect(await readFile(forge.path('odd'), 'utf8')).toBe('odd');
    await expect(forge.restore(file('deep'), memory(await temporary()))).rejects.toMatchObject({
      code: 'vault.destination',
    });
    await expect(forge.restore(file('nothing'), 'no')).rejects.toMatchObject({ code: 'restore.absent' });
    await expect(forge.restore(file('../../etc/passwd'), 'no')).rejects.toMatchObject({ code: 'restore.absent' });
  });
});

describe('large files', () => {
  it('stand in the places of their pointers where a file or folder is taken out of a branch', async () => {
    origin = await sampleRepository();
    const large = noise(5000, 1);
    const oid = createHash('sha256').update(large).digest('hex');
    const pointer = (of: string) => `version https://git-lfs.github.com/spec/v1\noid sha256:${of}\nsize 5000\n`;
    await mkdir(join(origin, 'art'));
    commit(origin, 'art/here.bin', pointer(oid));
    commit(origin, 'art/lost.bin', pointer('0'.repeat(64)));
    const tree = await mirrorTree(origin, 'code.git');
    tree[`code.git/lfs/objects/${oid.slice(0, 2)}/${oid.slice(2, 4)}/${oid}`] = large;
    await forge.snapshot(tree, { name: 'code', kind: 'git' });
    const ref = { kind: 'branch', name: 'main' } as const;
    const report = await forge.restore({ grain: 'file', repository: undefined, ref, path: 'art' }, 'art');
    expect(await readFile(forge.path('art/here.bin'))).toEqual(large);
    expect(report.failures).toEqual([{ path: 'art/lost.bin', reason: expect.stringContaining('pointer') }]);
    expect((await readdir(forge.path('art'))).sort()).toEqual(['here.bin', 'lost.bin']);
    const clone = await forge.restore(repository({ repository: undefined, as: 'clone' }), 'clone');
    expect(clone.notes).toEqual([expect.stringContaining('git lfs checkout')]);
    expect(await readFile(forge.path(`clone/.git/lfs/objects/${oid.slice(0, 2)}/${oid.slice(2, 4)}/${oid}`))).toEqual(
      large,
    );
  });
});

describe('an issue', () => {
  it('comes back as JSON and Markdown, for its owner only', async () => {
    const tree = await sample();
    const report = await forge.restore(oneIssue(), 'out');
    expect(report).toMatchObject({ files: 2, failures: [], gone: [] });
    expect(await readdir(forge.path('out'))).toEqual(['12.json', '12.md']);
    expect(await readFile(forge.path('out/12.json'))).toEqual(tree[`${APP}/issues/12.json`]);
    expect(await readFile(forge.path('out/12.md'), 'utf8')).toContain('# Issue 12 (#12)\n\n> Body 12\n\n## bob');
    expect((await stat(forge.path('out/12.md'))).mode & 0o777).toBe(0o600);
    const to = memory(await temporary());
    await forge.restore(oneIssue({ formats: ['json'] }), to);
    expect(to.bytes()).toEqual(tree[`${APP}/issues/12.json`]);
    await expect(forge.restore(oneIssue(), memory(await temporary()))).rejects.toMatchObject({ code: 'usage.wrong' });
  });

  it('all of a repository, and a damaged one costs itself', async () => {
    await sample((tree) => {
      tree[`${APP}/issues/2.json`] = Buffer.from('{"collection":"issues"');
    });
    const report = await forge.restore(oneIssue({ number: undefined, formats: ['json'] }), 'out');
    expect(report.failures).toEqual([{ path: `${APP}/issues/2.json`, reason: expect.stringContaining('is no JSON') }]);
    expect((await readdir(forge.path('out'))).sort()).toEqual(['1.json', '12.json']);
    await expect(forge.restore(oneIssue({ number: 2 }), 'two')).rejects.toMatchObject({ code: 'vault.damaged' });
    const pull = { ...oneIssue({ number: 3 }), grain: 'pull' } as RestoreRequest;
    await forge.restore(pull, 'pull');
    expect(await readFile(forge.path('pull/3.md'), 'utf8')).toContain('from: "feature/x"');
  });

  it('that is gone is restored and said so; one that was is told with its snapshot', async () => {
    const tree = await sample((one) => {
      put(one, 'issues', 'acme/app', '12', issue(12), '2026-10-10T00:00:00.000Z');
    });
    expect((await forge.restore(oneIssue(), 'out')).gone).toEqual([
      { path: `${APP}/issues/12.json`, since: '2026-10-10T00:00:00.000Z' },
    ]);
    expect(await readFile(forge.path('out/12.md'), 'utf8')).toContain('goneSince: "2026-10-10T00:00:00.000Z"');
    delete tree[`${APP}/issues/12.json`];
    await forge.snapshot(tree);
    await expect(forge.restore(oneIssue(), 'no', '2')).rejects.toMatchObject({
      code: 'restore.absent',
      what: expect.stringContaining('It was last in snapshot 1'),
    });
  });
});

describe('variables', () => {
  it('come back as a .env file for each environment, JSON and calls, with secrets by name only', async () => {
    await sample();
    const report = await forge.restore(variables(), 'out');
    expect(report.notes).toContain('KEY is a secret: the forge gives nobody its value');
    expect((await readdir(forge.path('out'))).sort()).toEqual([
      'variables.calls.sh',
      'variables.env',
      'variables.json',
      'variables.production.env',
    ]);
    expect(await readFile(forge.path('out/variables.env'), 'utf8')).toBe(
      `TOKEN='${SECRET}'\n# KEY: a secret; the forge gives nobody its value\n`,
    );
    for (const name of await readdir(forge.path('out')))
      expect((await stat(forge.path(`out/${name}`))).mode & 0o777, name).toBe(0o600);
    const url = execFileSync('sh', ['-c', '. ./variables.production.env; printf %s "$URL"'], {
      cwd: forge.path('out'),
    });
    expect(url.toString()).toBe("it's $HOME");
  });

  it('one of them goes to standard output, and no other is read', async () => {
    await sample();
    const { store, packs } = counting();
    const to = memory(await temporary());
    await forge.restore(variables({ name: 'TOKEN', formats: ['env'] }), to, '1', {}, store);
    expect(to.text()).toBe(`TOKEN='${SECRET}'\n`);
    expect(new Set(packs).size).toBeLessThanOrEqual(3);
    const owner = memory(await temporary());
    await forge.restore(variables({ repository: undefined, name: 'REGION', formats: ['env'] }), owner);
    expect(owner.text()).toBe("REGION='eu'\n");
    await expect(forge.restore(variables({ formats: ['env'] }), memory(await temporary()))).rejects.toMatchObject({
      code: 'usage.wrong',
      what: expect.stringContaining('--environment'),
    });
    await expect(forge.restore(variables({ name: 'NONE' }), 'no')).rejects.toMatchObject({ code: 'restore.absent' });
  });

  it('one that is gone is given by name, and only told among all', async () => {
    await sample((tree) => {
      put(tree, 'variables', 'acme/app', 'OLD', { name: 'OLD', value: 'old' }, '2026-10-10T00:00:00.000Z');
    });
    const report = await forge.restore(variables(), 'out');
    expect(await readFile(forge.path('out/variables.env'), 'utf8')).not.toContain('OLD');
    expect(await readFile(forge.path('out/variables.json'), 'utf8')).toContain('OLD');
    expect(report.gone).toEqual([{ path: 'acme/app/variables/OLD', since: '2026-10-10T00:00:00.000Z' }]);
    const to = memory(await temporary());
    await forge.restore(variables({ name: 'OLD', formats: ['env'] }), to);
    expect(to.text()).toBe("OLD='old'\n");
  });
});

describe('whatever is restored', () => {
  it('reads no more than it takes: counted at the store', async () => {
    await sample((tree) => {
      tree['repositories/acme/big/repository.git/packed-refs'] = Buffer.from('# none\n');
      tree['repositories/acme/big/repository.git/objects/pack/a.pack'] = noise(12_000_000, 1);
      for (let number = 100; number < 1200; number += 1) put(tree, 'issues', 'acme/big', String(number), issue(number));
    });
    const blobs = async (request: RestoreRequest, to: string | Destination) => {
      const { store, packs } = counting();
      await forge.restore(request, to, '1', {}, store);
      return new Set(packs).size;
    };
    const nowhere: Destination = { kind: 'archive stream', write: async () => {}, temporary: '' };
    const whole = await blobs({ grain: 'snapshot', include: [], exclude: [] }, nowhere);
    expect(whole).toBeGreaterThan(12);
    // The pieces of the list around it, and the bundle that holds the document.
    expect(await blobs(oneIssue({ formats: ['json'] }), 'issue')).toBeLessThanOrEqual(3);
    // The forge's own document, the lists of variables and secrets, one document.
    expect(await blobs(variables({ name: 'TOKEN', formats: ['env'] }), 'variable')).toBeLessThanOrEqual(5);
    const ref = { kind: 'branch', name: 'main' } as const;
    expect(await blobs({ grain: 'ref', repository: 'acme/app', ref, as: 'bare' }, 'branch')).toBeLessThanOrEqual(6);
  }, 120_000);

  it('leaves what is at the destination alone', async () => {
    await sample();
    await writeFile(forge.path('out'), 'mine');
    for (const request of [repository(), oneIssue(), variables()])
      await expect(forge.restore(request, 'out')).rejects.toMatchObject({ code: 'vault.destination' });
    expect(await readFile(forge.path('out'), 'utf8')).toBe('mine');
    expect(await leftovers()).toEqual(['out']);
  });

  it.each([repository(), oneIssue(), variables()])(
    'leaves nothing half when it is aborted: $grain',
    async (request) => {
      await sample();
      // At every read of the store, one after the other.
      for (let at = 1; ; at += 1) {
        const trip = new AbortController();
        let reads = 0;
        const store = new Proxy(forge.world.store, {
          get(target, name) {
            if (name !== 'get') return Reflect.get(target, name).bind(target);
            return async (...args: [string]) => {
              reads += 1;
              if (reads === at) trip.abort(new Error('tripped'));
              return target.get(...args);
            };
          },
        });
        const name = `out-${at}`;
        const done = await forge.restore(request, name, '1', { signal: trip.signal }, store).then(
          () => true,
          () => false,
        );
        expect(await leftovers()).toEqual(done ? [name] : []);
        if (reads < at) {
          expect(done).toBe(true);
          break;
        }
        if (done) execFileSync('rm', ['-r', forge.path(name)]);
      }
    },
  );
});
