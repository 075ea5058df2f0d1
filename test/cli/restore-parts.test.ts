import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatRecoveryKey } from '../../daemon/vault/key-file.ts';
import { document, ForgeWorld, forgeTree, mirrorTree, put } from '../restore/forge-world.ts';
import { git, sampleRepository } from '../sources/helpers.ts';
import { runCommand } from './context.ts';

const APP = 'repositories/acme/app';
const VALUE = "it's recognisable-0123456789";
let forge: ForgeWorld;
let origin: string;
let key: string;

const githubIssue = (number: number, title: string) => ({
  issue: {
    number,
    title,
    body: 'Body',
    state: 'open',
    user: { login: 'ada' },
    created_at: '2026-01-01T00:00:00Z',
    labels: [],
    assignees: [],
    html_url: 'https://forge.example/1',
  },
  comments: [{ id: 5, user: { login: 'bob' }, created_at: '2026-01-02T00:00:00Z', body: 'Yes' }],
});

beforeEach(async () => {
  forge = await ForgeWorld.create();
  key = forge.path('recovery.key');
  await writeFile(key, formatRecoveryKey(forge.world.key));
  origin = await sampleRepository();
  const tree = { ...forgeTree(), ...(await mirrorTree(origin, `${APP}/repository.git`)) };
  tree[`${APP}/repository.json`] = document('repository', 'acme/app', { full_name: 'acme/app' });
  put(tree, 'issues', 'acme/app', '12', githubIssue(12, 'It fails'));
  put(tree, 'variables', 'acme/app', 'URL', { name: 'URL', value: VALUE });
  await forge.snapshot(tree);
  put(tree, 'issues', 'acme/app', '12', githubIssue(12, 'It still fails'));
  put(tree, 'variables', 'acme/app', 'URL', { name: 'URL', value: `${VALUE}!` }, '2026-10-10T00:00:00Z');
  await forge.snapshot(tree);
  delete tree[`${APP}/issues/12.json`];
  await forge.snapshot(tree);
});
afterEach(() => forge.world.cleanUp());

async function cli(command: string, ...args: string[]) {
  const bytes: Buffer[] = [];
  const vault = ['--store', forge.world.root, '--key', key];
  const ran = await runCommand([command, ...args, ...vault], {
    env: process.env,
    outBytes: async (chunk) => void bytes.push(Buffer.from(chunk)),
  });
  return { ...ran, bytes: Buffer.concat(bytes).toString('utf8') };
}

describe('portcullis restore', () => {
  it('gives each part by its own option, of the time that is asked for', async () => {
    const to = forge.path('app');
    const clone = await cli('restore', '1', '--repo', 'acme/app', '--as', 'clone', '--to', to, '--json');
    expect(clone.code, clone.err).toBe(0);
    expect(JSON.parse(clone.out)).toMatchObject({ grain: 'repository', to, failures: [], from: { seq: 1 } });
    expect(git(to, 'rev-parse', 'HEAD')).toBe(git(origin, 'rev-parse', 'main'));
    const first = ['--at', '2026-11-21T12:00:00Z', '--source', 'forge', '--repo', 'acme/app'];
    const markdown = await cli('restore', ...first, '--issue', '12', '--format', 'markdown', '--to', '-');
    expect(markdown.code, markdown.err).toBe(0);
    expect(markdown.bytes).toContain('# It fails (#12)\n\n> Body\n\n## bob, 2026-01-02T00:00:00Z\n\n> Yes');
    expect(markdown.err).toContain('Restored issue 12 of acme/app');
    const env = await cli('restore', '1', '--repo', 'acme/app', '--variable', 'URL', '--format', 'env', '--to', '-');
    expect(env.bytes).toBe(`URL="${VALUE}"\n`);
    expect(env.out + env.err).not.toContain('recognisable');
    const branch = ['--repo', 'acme/app', '--branch', 'feature/x'];
    expect((await cli('restore', '2', ...branch, '--to', forge.path('x.bundle'))).code).toBe(0);
    expect((await readFile(forge.path('x.bundle'))).subarray(0, 15).toString()).toBe('# v2 git bundle');
    const [name = ''] = (await readdir(origin)).filter((one) => one !== '.git');
    const file = await cli('restore', '1', '--repo', 'acme/app', '--branch', 'main', '--path', name, '--to', '-');
    expect(file.bytes).toBe(await readFile(join(origin, name), 'utf8'));
  });

  it('says what the origin had deleted, and where it last was', async () => {
    const variable = ['--repo', 'acme/app', '--variable', 'URL', '--format', 'json', '--to', '-'];
    const gone = await cli('restore', '2', ...variable);
    expect(gone.code).toBe(0);
    expect(gone.err).toContain('GONE acme/app/variables/URL: deleted at the origin, not seen since 2026-10-10');
    const absent = await cli('restore', '3', '--repo', 'acme/app', '--issue', '12', '--to', forge.path('out'));
    expect(absent.code).toBe(1);
    expect(absent.err).toMatch(/has no issue 12 of acme\/app\. It was last in snapshot 2 .*\n.*\[restore\.absent]/);
    const path = await cli('restore', '3', '--path', `${APP}/issues/12.json`, '--to', forge.path('out'));
    expect(path.err).toContain('It was last in snapshot 2');
  });

  it('a wrong key opens nothing, and a flipped bit is named', async () => {
    const other = await ForgeWorld.create();
    try {
      const foreign = other.path('other.key');
      await writeFile(foreign, formatRecoveryKey(other.world.key));
      const vault = ['--store', forge.world.root, '--key', foreign];
      const wrong = await runCommand(['restore', '1', '--repo', 'acme/app', '--to', forge.path('out'), ...vault]);
      expect(wrong.code).not.toBe(0);
      expect(wrong.err).toContain('[vault.');
    } finally {
      await other.world.cleanUp();
    }
    for (const name of await forge.world.objects())
      if (name.startsWith('packs/')) {
        const at = join(forge.world.root, name);
        const bytes = await readFile(at);
        const middle = Math.floor(bytes.length / 3);
        bytes[middle] = (bytes[middle] ?? 0) ^ 1;
        await writeFile(at, bytes);
      }
    const flipped = await cli('restore', '1', '--repo', 'acme/app', '--as', 'clone', '--to', forge.path('out'));
    expect(flipped.code).toBe(1);
    expect(flipped.err).toMatch(/packs\/.*\[vault\.damaged]|not whole.*\[restore\.partial]/s);
    expect(await readdir(forge.world.folder)).not.toContain('out');
  });

  it('says what does not go together, before it opens anything', async () => {
    for (const args of [
      ['--issue', '1', '--variable', 'X', '--repo', 'a/b'],
      ['--issue', 'x', '--repo', 'a/b'],
      ['--issue', '1'],
      ['--branch', 'x', '--tag', 'y'],
      ['--repo', 'a/b', '--path', 'x'],
      ['--repo', 'a/b', '--as', 'zip'],
      ['--format', 'json'],
      ['--variable', 'X', '--format', 'markdown'],
      ['--variable', 'X', '--tar'],
      ['--apply'],
      ['--into', 'gitea', '--repo', 'a/b'],
      ['--into', 'nowhere', '--repo', 'a/b', '--token-file', 'f'],
      ['--into', 'gitea', '--repo', 'a/b', '--token-file', 'f', '--branch', 'x'],
    ]) {
      const { code, err } = await runCommand(['restore', '1', '--to', forge.path('out'), ...args]);
      expect(code, `${args.join(' ')}: ${err}`).toBe(2);
    }
  });
});

describe('portcullis find', () => {
  it('tells when it was first and last there, and when it changed', async () => {
    const { code, out } = await cli('find', '--repo', 'acme/app', '--issue', '12');
    expect(code).toBe(0);
    expect(out).toContain('first in snapshot 1 of 2026-11-21T06:30:00.000Z; last in snapshot 2 of 2026-11-22');
    expect(out).toMatch(/1 +\S+ +appeared\n2 +\S+ +changed\n3 +\S+ +vanished/);
    const json = await cli('find', '--repo', 'acme/app', '--variable', 'URL', '--json');
    expect(JSON.parse(json.out).found).toMatchObject([
      { label: 'variable URL of acme/app', source: 'forge', last: { seq: 1 }, now: 'gone at the origin' },
    ]);
    expect(json.out).not.toContain('recognisable');
    expect((await cli('find', '--repo', 'acme/app', '--branch', 'main')).out).toContain('still there in the newest, 3');
    expect((await cli('find', '--path', 'no/such')).code).toBe(1);
    expect((await cli('find')).code).toBe(2);
  });
});

describe('portcullis diff', () => {
  it('tells what changed, in words and as lines of JSON that end in an end', async () => {
    const { code, out } = await cli('diff', '1', '3');
    expect(code).toBe(0);
    expect(out).toBe(
      '- issues 12 of acme/app  removed\n- variables URL of acme/app  deleted at the origin, kept in the snapshot\n',
    );
    const times = ['--source', 'forge', '--from', '2026-11-21T12:00:00Z', '--to', '2026-11-22T12:00:00Z'];
    const lines = (await cli('diff', ...times, '--json')).out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { type: 'document', collection: 'issues', key: '12', change: 'changed' },
      { type: 'document', collection: 'variables', key: 'URL', change: 'gone' },
      { type: 'end', changes: 2, before: { seq: 1 }, after: { seq: 2 } },
    ]);
    expect((await cli('diff', '2', '3', '--path', '**/issues/*')).out).toBe(`- ${APP}/issues/12.json\n`);
    expect((await cli('diff', '1', '1')).out).toBe('Nothing has changed.\n');
    expect((await cli('diff', '1')).code).toBe(2);
  });
});
