import { execFileSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { Secret } from '../../daemon/base/secret.ts';
import type { Made } from '../../daemon/forges/writer.ts';
import { type IntoForgeOptions, restoreIntoForge } from '../../daemon/restore/into-forge.ts';
import { pushFrom } from '../../daemon/restore/push.ts';
import { FakeWriter } from '../forges/fake-writer.ts';
import { commit, git, never, sampleRepository, temporary } from '../sources/helpers.ts';
import { document, ForgeWorld, forgeTree, issue, mirrorTree, plainReader, put } from './forge-world.ts';

const APP = 'repositories/acme/app';
const TOKEN = 'tok_recognisable0123456789';
const VALUE = 'value_recognisable0123456789';

/** A forge in memory whose repository git pushes to for real. */
class PushedWriter extends FakeWriter {
  readonly bare: string;

  constructor(bare: string) {
    super('gitea');
    this.bare = bare;
    const { create } = this;
    this.create = async (...args) => ({ ...(await create(...args)), cloneUrl: bare });
  }

  override async find(...args: Parameters<FakeWriter['find']>): Promise<Made | undefined> {
    const made = await super.find(...args);
    return made && { ...made, cloneUrl: this.bare };
  }
}

let forge: ForgeWorld;
let origin: string;
let bare: string;
let writer: PushedWriter;
let folder: string;

beforeEach(async () => {
  forge = await ForgeWorld.create();
  origin = await sampleRepository();
  const tree = { ...forgeTree(), ...(await mirrorTree(origin, `${APP}/repository.git`)) };
  const view = {
    path: 'acme/app',
    description: '',
    visibility: 'private',
    archived: false,
    defaultBranch: 'main',
    topics: [],
    hasIssues: true,
    hasWiki: false,
  };
  tree[`${APP}/repository.json`] = document('repository', 'acme/app', view);
  put(tree, 'labels', 'acme/app', 'bug', { name: 'bug', color: 'ff0000', description: '' });
  put(tree, 'labels', 'acme/app', 'old', { name: 'old', color: 'ff0000', description: '' }, '2026-01-01T00:00:00Z');
  for (const number of [1, 2]) put(tree, 'issues', 'acme/app', String(number), issue(number, { state: 'closed' }));
  put(tree, 'variables', 'acme/app', 'URL', { name: 'URL', value: VALUE });
  put(tree, 'secrets', 'acme/app', 'KEY', { name: 'KEY' });
  put(tree, 'webhooks', 'acme/app', '9', { id: 9 });
  const release = {
    tag: 'v1',
    name: 'One',
    body: '',
    draft: false,
    prerelease: false,
    createdAt: '',
    assets: ['a b.zip'],
  };
  put(tree, 'releases', 'acme/app', '5', release);
  tree[`${APP}/releases/5.assets/a%20b.zip`] = Buffer.from('zip');
  await forge.snapshot(tree);
  bare = join(await temporary(), 'new.git');
  git('.', 'init', '--quiet', '--bare', '--initial-branch=other', bare);
  writer = new PushedWriter(bare);
  folder = await temporary();
});
afterEach(() => forge.world.cleanUp());

async function into(more: Partial<IntoForgeOptions> = {}) {
  const vault = await forge.open();
  const snapshot = (await vault.snapshots()).at(-1)!;
  return restoreIntoForge({
    vault,
    snapshot,
    repository: 'acme/app',
    writer,
    token: Secret.fromText(TOKEN),
    url: 'https://forge.example',
    target: 'acme/new',
    apply: true,
    withGone: false,
    temporary: folder,
    readers: { github: plainReader },
    environment: process.env,
    clock: systemClock,
    signal: never,
    threads: 0,
    ...more,
  });
}

const refsOf = (path: string) =>
  git(path, 'for-each-ref', '--format=%(refname) %(objectname)', 'refs/heads', 'refs/tags', 'refs/notes');

describe('a repository made again in a forge', () => {
  it('is only planned at first, and no value is in the plan', async () => {
    const result = await into({ apply: false });
    expect(result.plan.steps.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['repository', 'push', 'label', 'issue', 'release', 'variable']),
    );
    expect(result.plan.impossible.map(({ what }) => what)).toEqual(
      expect.arrayContaining(['secret KEY', 'webhooks (1)']),
    );
    expect(result.report).toBeUndefined();
    expect(result.notes).toEqual(['1 things that the origin had deleted are left out; --gone takes them too']);
    expect(writer.calls.filter((call) => /^(create|push|close)/.test(call))).toEqual([]);
    expect(git(bare, 'for-each-ref')).toBe('');
    expect(JSON.stringify(result)).not.toContain(VALUE);
    expect(await readdir(folder)).toEqual([]);
  });

  it('has the code, labels, issues, releases with files and variables, and is not made twice', async () => {
    const { report, failures } = await into();
    expect(failures).toEqual([]);
    expect(refsOf(bare)).toBe(refsOf(origin));
    const made = writer.repositories.get('acme/new')!;
    expect([...made.labels.keys()]).toEqual(['bug']);
    expect(made.issues.map(({ title, state }) => [title, state])).toEqual([
      ['Issue 1', 'closed'],
      ['Issue 2', 'closed'],
    ]);
    expect(made.variables.get('URL')).toBe(VALUE);
    expect([...made.releases.get('v1')!.files]).toEqual([['a b.zip', 'zip']]);
    expect(report?.made).toContain('branch main');
    expect(JSON.stringify(report)).not.toContain(VALUE);
    expect(await readdir(folder)).toEqual([]);
    writer.calls.length = 0;
    const again = await into();
    expect(again.report?.made).toEqual([]);
    expect(writer.calls.filter((call) => /^(create|close)/.test(call))).toEqual([]);
    await into({ withGone: true });
    expect([...made.labels.keys()]).toEqual(['bug', 'old']);
  });

  it('leaves a branch that is there as it is, also where it could be moved', async () => {
    const seed = join(await temporary(), 'seed');
    git('.', 'clone', '--quiet', origin, seed);
    git(seed, 'push', '--quiet', bare, 'main~1:refs/heads/main');
    commit(seed, 'a', 'another line of work');
    git(seed, 'push', '--quiet', bare, 'HEAD:refs/heads/feature/x');
    const before = refsOf(bare);
    const { report } = await into();
    const failed = report?.failed.map(({ what, reason }) => `${what}: ${reason}`).join('\n');
    expect(failed).toMatch(/branch main: it is there at [0-9a-f]{40}, and in the snapshot at/);
    expect(failed).toMatch(/branch feature\/x: it is there/);
    for (const line of before.split('\n')) expect(refsOf(bare)).toContain(line);
    expect(refsOf(bare)).toContain('refs/tags/v1');
  });

  it('tells which refs were refused and why, and the others arrive', async () => {
    execFileSync(
      'sh',
      [
        '-c',
        `printf '#!/bin/sh\\ncase $1 in refs/tags/*) echo "no tags here" >&2; exit 1;; esac\\n' > hooks/update; chmod +x hooks/update`,
      ],
      { cwd: bare },
    );
    // Over what our git says to a repository on this machine: no hooks.
    git(bare, 'config', 'core.hooksPath', 'hooks');
    const { report } = await into();
    expect(report?.failed).toContainEqual({ what: 'tag v1', reason: expect.stringContaining('no tags here') });
    expect(refsOf(bare)).toContain('refs/heads/feature/x');
    expect(refsOf(bare)).not.toContain('refs/tags');
  });

  it('stops at a trip, and leaves no repository behind on this machine', async () => {
    const trip = new AbortController();
    await expect(
      into({
        signal: trip.signal,
        progress: ({ what }) => {
          if (what.startsWith('issue')) trip.abort(new Error('tripped'));
        },
      }),
    ).rejects.toThrow('tripped');
    expect(writer.repositories.get('acme/new')?.variables.size).toBe(0);
    expect(await readdir(folder)).toEqual([]);
  });

  it('a repository that is not there is told', async () => {
    await expect(into({ repository: 'acme/none' })).rejects.toMatchObject({ code: 'restore.absent' });
  });
});

it.each([
  ['is in no argument', undefined, true],
  ['stays with its forge, wherever that says the repository is', 'https://forge.example', false],
])('the token of a push %s', async (_, elsewhere, shown) => {
  const seen: string[] = [];
  let authorised = 0;
  const server = createServer((request, response) => {
    if (request.headers.authorization !== undefined) authorised += 1;
    void commandLines().then((lines) => {
      seen.push(...lines);
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cloneUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/acme/new.git`;
  try {
    const token = Secret.fromText(TOKEN);
    const push = pushFrom({
      environment: process.env,
      clock: systemClock,
      folder,
      repository: async () => join(origin, '.git'),
      token,
      url: elsewhere ?? new URL(cloneUrl).origin,
    });
    const pushing = push(['refs/heads/main'], { cloneUrl, webUrl: '' }, { signal: never });
    await expect(pushing).rejects.toThrow(/git cannot reach the repository/);
    await expect(pushing).rejects.not.toThrow(TOKEN);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  expect(authorised > 0).toBe(shown);
  expect(seen.filter((line) => line.includes(cloneUrl)).length).toBeGreaterThan(0);
  expect(seen.filter((line) => line.includes(TOKEN))).toEqual([]);
  for (const name of await readdir(folder)) expect(await readFile(join(folder, name), 'utf8')).not.toContain(TOKEN);
});

async function commandLines(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
}
