import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Box, DENY, type Ended, NONE, run, script, startBox, TOKEN } from './box.ts';

let directory: string;
let box: Box;
let mine: string;
let server: string;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'git-hook-'));
  mine = join(directory, 'mine');
  server = join(directory, 'server.git');
  writeFileSync(join(directory, 'token'), TOKEN);
  box = await startBox();
  await git(directory, 'init', '--quiet', '--bare', '--initial-branch=main', server);
  await git(directory, 'init', '--quiet', '--initial-branch=main', mine);
  await git(mine, 'remote', 'add', 'origin', server);
  await commit(mine, 'one');
  await git(mine, 'push', '--quiet', 'origin', 'main');
});

afterEach(async () => {
  await box.close();
  rmSync(directory, { recursive: true });
});

async function attempt(cwd: string, ...args: string[]): Promise<Ended> {
  const env = {
    HOME: directory,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'A',
    GIT_AUTHOR_EMAIL: 'a@example.org',
    GIT_COMMITTER_NAME: 'A',
    GIT_COMMITTER_EMAIL: 'a@example.org',
  };
  return run('git', args, { cwd, env });
}

async function git(cwd: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await attempt(cwd, ...args);
  if (code !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}

async function commit(cwd: string, text: string): Promise<string> {
  writeFileSync(join(cwd, 'file'), text);
  await git(cwd, 'add', 'file');
  await git(cwd, 'commit', '--quiet', '-m', text);
  return git(cwd, 'rev-parse', 'HEAD');
}

/** A hook as the documentation says to write it. */
function install(repository: string, mode: 'pre-push' | 'pre-receive', env: Record<string, string> = {}): string {
  const settings = {
    PORTCULLIS_URL: box.url,
    PORTCULLIS_TOKEN_FILE: join(directory, 'token'),
    PORTCULLIS_TIMEOUT: '25',
  };
  const variables = Object.entries({ ...settings, ...env }).map(([name, value]) => `${name}='${value}'`);
  const hooks = join(repository, repository === server ? 'hooks' : '.git/hooks');
  mkdirSync(hooks, { recursive: true });
  const file = join(hooks, mode);
  writeFileSync(file, `#!/bin/sh\n${variables.join(' ')} exec '${script('portcullis-git-hook')}' ${mode} "$@"\n`);
  chmodSync(file, 0o755);
  return file;
}

const questions = () => box.asked.map(({ body }) => JSON.parse(body) as Question);
const commands = () => questions().map(({ input }) => input.command);

interface Question {
  readonly tool: string;
  readonly input: {
    readonly command: string;
    readonly url: string;
    readonly count: number;
    readonly refs: readonly { readonly ref: string; readonly change: string }[];
  };
  readonly cwd: string;
}

const onServer = (ref: string) => git(server, 'rev-parse', ref);

/** What somebody else pushed, and `mine` has not fetched. */
async function someoneElsePushes(): Promise<string> {
  const theirs = join(directory, 'theirs');
  await git(directory, 'clone', '--quiet', '--branch', 'main', server, theirs);
  const theirCommit = await commit(theirs, 'theirs');
  await git(theirs, 'push', '--quiet', 'origin', 'main');
  return theirCommit;
}

describe('on the machine that pushes', () => {
  beforeEach(() => install(mine, 'pre-push'));

  test('a push that overwrites nothing goes on unasked', async () => {
    await commit(mine, 'two');
    await git(mine, 'tag', 'v1');
    await git(mine, 'branch', 'other');
    await git(mine, 'push', 'origin', 'main', 'other', 'v1');
    await git(mine, 'push', '--force', 'origin', 'main');
    await commit(mine, 'three');
    await git(mine, 'push', '--force', 'origin', 'main');
    expect(box.asked).toEqual([]);
    expect(await onServer('main')).toBe(await git(mine, 'rev-parse', 'main'));
  });

  test('a forced push is asked about before it happens, and refused', async () => {
    const [old] = [await onServer('main')];
    await git(mine, 'commit', '--quiet', '--amend', '-m', 'rewritten');
    const now = await git(mine, 'rev-parse', 'main');
    box.reply = DENY;
    const { code, stderr } = await attempt(mine, 'push', '--force', 'origin', 'main');
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/Portcullis denied this call.*An agent overwrites a branch/);
    expect(stderr).toMatch(/the push is refused/);
    expect(await onServer('main')).toBe(old);
    expect(questions()).toEqual([
      {
        tool: 'git push',
        input: {
          command: 'git push --force origin main',
          hook: 'pre-push',
          url: server,
          count: 1,
          refs: [{ ref: 'refs/heads/main', old, new: now, change: 'forced' }],
        },
        cwd: mine,
      },
    ]);
    expect(box.asked[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`);
  });

  test('a forced push to which there is no objection goes on', async () => {
    await git(mine, 'commit', '--quiet', '--amend', '-m', 'rewritten');
    await git(mine, 'push', '--force', 'origin', 'main');
    expect(commands()).toEqual(['git push --force origin main']);
    expect(await onServer('main')).toBe(await git(mine, 'rev-parse', 'main'));
  });

  test('a deletion is asked about', async () => {
    await git(mine, 'push', '--quiet', 'origin', 'main:old', 'main:refs/tags/t');
    box.reply = DENY;
    for (const args of [
      ['--delete', 'origin', 'old'],
      ['origin', ':old'],
      ['--delete', 'origin', 'refs/tags/t'],
    ]) {
      expect((await attempt(mine, 'push', ...args)).code).not.toBe(0);
    }
    expect(commands()).toEqual([
      'git push --delete origin old',
      'git push --delete origin old',
      'git push --delete origin refs/tags/t',
    ]);
    expect(await onServer('old')).toBe(await onServer('main'));
  });

  test('one question names all that a push overwrites and deletes', async () => {
    await git(mine, 'push', '--quiet', 'origin', 'main:old', 'main:keep');
    await git(mine, 'commit', '--quiet', '--amend', '-m', 'rewritten');
    await git(mine, 'push', 'origin', '+main', ':old', 'main:new');
    expect(commands()).toEqual(['git push --force origin main; git push --delete origin old']);
  });

  // Git does not name in its question what a mirror deletes.
  test.each([
    [['push', '--mirror', 'origin'], 'git push --mirror origin; git push --force origin main'],
    [['-c', 'remote.origin.mirror=true', 'push', 'origin'], 'git push --mirror origin; git push --force origin main'],
    [
      ['push', '--prune', 'origin', '+refs/heads/*'],
      'git push --force origin main; git push --delete origin only-there',
    ],
  ])('%j is asked about', async (args, command) => {
    await git(mine, 'push', '--quiet', server, 'main:only-there');
    await git(mine, 'commit', '--quiet', '--amend', '-m', 'rewritten');
    box.reply = DENY;
    expect((await attempt(mine, ...args)).code).not.toBe(0);
    expect(commands()).toEqual([command]);
    expect(await onServer('only-there')).toBe(await onServer('main'));
  });

  test('a mirror that overwrites nothing may still delete', async () => {
    await git(mine, 'push', '--quiet', server, 'main:only-there');
    await git(mine, 'push', '--mirror', 'origin');
    expect(commands()).toEqual(['git push --mirror origin']);
  });

  describe('over commits that are not here', () => {
    test('a push without force is left to git, which refuses it', async () => {
      const theirs = await someoneElsePushes();
      await commit(mine, 'two');
      for (const args of [[], ['--follow-tags'], ['--set-upstream'], ['--porcelain', '--no-thin']]) {
        const { code, stdout, stderr } = await attempt(
          mine,
          '-c',
          'a.b=c',
          '-C',
          '.',
          'push',
          ...args,
          'origin',
          'main',
        );
        expect(code).not.toBe(0);
        expect(stdout + stderr).toMatch(/fetch first/);
      }
      expect(box.asked).toEqual([]);
      expect(await onServer('main')).toBe(theirs);
    });

    test.each([
      [['push', '--force', 'origin', 'main']],
      [['push', '-f', 'origin', 'main']],
      [['push', '-uf', 'origin', 'main']],
      [['push', 'origin', '+main']],
      [['push', 'origin', 'main', '--force-if-includes', '--force-with-lease=main:LEASE']],
      [['-c', 'alias.overwrite=push --force origin main', 'overwrite']],
      [['-c', 'alias.overwrite=!git push --force origin main', 'overwrite']],
      [['-c', 'remote.origin.push=+refs/heads/main:refs/heads/main', 'push', 'origin']],
      [
        [
          ...['-c', 'remote.origin.push=refs/heads/main:refs/heads/copy'],
          ...['-c', 'remote.origin.push=+refs/heads/main:refs/heads/main', 'push', 'origin'],
        ],
      ],
    ])('%j is asked about', async (args) => {
      const theirs = await someoneElsePushes();
      await commit(mine, 'two');
      box.reply = DENY;
      const { code } = await attempt(mine, ...args.map((word) => word.replace('LEASE', theirs)));
      expect(code).not.toBe(0);
      expect(commands()).toEqual(['git push --force origin main']);
      expect(await onServer('main')).toBe(theirs);
    });

    test('what cannot be told counts as forced', async () => {
      await someoneElsePushes();
      await commit(mine, 'two');
      symlinkSync(mine, join(directory, 'with space'));
      await attempt(directory, '-C', 'with space', 'push', 'origin', 'main');

      // Stands for ps on a machine that has none.
      const bin = join(directory, 'bin');
      mkdirSync(bin);
      writeFileSync(join(bin, 'ps'), '#!/bin/sh\nexit 127\n', { mode: 0o755 });
      install(mine, 'pre-push', { PATH: `${bin}:${process.env['PATH']}` });
      await attempt(mine, 'push', 'origin', 'main');

      // Without exec, another program stands between git and the hook.
      const hook = install(mine, 'pre-push');
      writeFileSync(hook, `${readFileSync(hook, 'utf8').replace(' exec ', ' ')}exit $?\n`);
      await attempt(mine, 'push', 'origin', 'main');

      // Something else that pushes, and is not git.
      writeFileSync(join(mine, 'push'), `"$@"\nexit $?\n`);
      const line = `refs/heads/main ${await git(mine, 'rev-parse', 'main')} refs/heads/main ${await onServer('main')}\n`;
      const env = { HOME: directory, PORTCULLIS_URL: box.url, PORTCULLIS_TOKEN_FILE: join(directory, 'token') };
      const args = ['push', script('portcullis-git-hook'), 'pre-push', 'origin', server];
      await run('sh', args, { cwd: mine, env, stdin: line });
      expect(commands()).toEqual(Array(4).fill('git push --force origin main'));
    });
  });

  test('a tag that is moved is asked about, one that git refuses to move is not', async () => {
    await git(mine, 'tag', 'v1');
    await git(mine, 'push', '--quiet', 'origin', 'v1');
    await commit(mine, 'two');
    await git(mine, 'tag', '--force', 'v1');
    expect((await attempt(mine, 'push', 'origin', 'v1')).stderr).toMatch(/already exists/);
    expect(box.asked).toEqual([]);
    await git(mine, 'push', '--force', 'origin', 'v1');
    expect(commands()).toEqual(['git push --force origin refs/tags/v1']);
  });

  test('what is typed for the local side hides nothing', async () => {
    await commit(mine, 'two words');
    await commit(mine, 'three');
    await git(mine, 'push', '--quiet', 'origin', 'main');
    await git(mine, 'push', '--force', 'origin', 'HEAD^{/two words}:main');
    expect(commands()).toEqual(['git push --force origin main']);
  });

  test('names of any form are sent as JSON, and no password with them', async () => {
    const odd = 'a"b\'c$(id)`id`é';
    await git(mine, 'push', '--quiet', 'origin', `main:refs/heads/${odd}`);
    const url = `file://user:pa%40ss@${server}`;
    await git(mine, 'push', url, `:refs/heads/${odd}`);
    expect(questions()[0]?.input).toMatchObject({
      command: `git push --delete file://${server} a"b'c$(id)\`id\`??`,
      url: `file://${server}`,
      refs: [{ ref: 'refs/heads/a"b\'c$(id)`id`??', change: 'deleted' }],
    });
    expect(box.asked[0]?.body).not.toMatch(/pa%40ss|user:/);
  });

  test('of very many refs a part is named, and all are counted', async () => {
    const many = Array.from({ length: 130 }, (_, i) => `b${i}`);
    await git(mine, 'push', '--quiet', 'origin', ...many.map((name) => `main:${name}`));
    await git(mine, 'push', '--quiet', '--delete', 'origin', ...many);
    expect(questions()[0]?.input.count).toBe(130);
    expect(questions()[0]?.input.refs).toHaveLength(100);
  });

  test('is refused if Portcullis cannot be asked, unless that was chosen otherwise', async () => {
    await git(mine, 'commit', '--quiet', '--amend', '-m', 'rewritten');
    box.reply = { status: 401 };
    const { code, stderr } = await attempt(mine, 'push', '--force', 'origin', 'main');
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/could not be asked, so the call is denied/);
    install(mine, 'pre-push', { PORTCULLIS_WHEN_UNREACHABLE: 'allow' });
    await git(mine, 'push', '--force', 'origin', 'main');
    expect(await onServer('main')).toBe(await git(mine, 'rev-parse', 'main'));
  });
});

describe('on the server', () => {
  beforeEach(() => install(server, 'pre-receive'));

  test('a push that overwrites nothing goes on unasked', async () => {
    await commit(mine, 'two');
    await git(mine, 'tag', 'v1');
    await git(mine, 'push', '--force', 'origin', 'main', 'main:other', 'v1');
    expect(box.asked).toEqual([]);
  });

  test('a forced push is refused as a whole, whatever the other side skips', async () => {
    const [old] = [await onServer('main')];
    await git(mine, 'commit', '--quiet', '--amend', '-m', 'rewritten');
    box.reply = DENY;
    const { code, stderr } = await attempt(mine, 'push', '--no-verify', '--force', 'origin', 'main', 'main:new');
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/remote: .*Portcullis denied this call/);
    expect(commands()).toEqual(['git push --force origin main']);
    expect(questions()[0]).toMatchObject({ input: { hook: 'pre-receive', url: server }, cwd: server });
    expect(await onServer('main')).toBe(old);
    expect((await attempt(server, 'rev-parse', '--verify', '--quiet', 'new')).code).not.toBe(0);
  });

  test('commits of others that the pusher never had are not overwritten unasked', async () => {
    const theirs = await someoneElsePushes();
    await commit(mine, 'two');
    box.reply = DENY;
    expect((await attempt(mine, 'push', '--force', 'origin', 'main')).code).not.toBe(0);
    expect(commands()).toEqual(['git push --force origin main']);
    expect(await onServer('main')).toBe(theirs);
    box.reply = NONE;
    await git(mine, 'push', '--force', 'origin', 'main');
    expect(await onServer('main')).toBe(await git(mine, 'rev-parse', 'main'));
  });

  test('deletions and moved tags are asked about', async () => {
    await git(mine, 'push', '--quiet', 'origin', 'main:old', 'main:refs/tags/v1');
    await commit(mine, 'two');
    await git(mine, 'push', '--force', 'origin', 'main:refs/tags/v1', ':old');
    expect(commands()).toEqual(['git push --force origin refs/tags/v1; git push --delete origin old']);
  });
});

test('wrong use is said, and refuses', async () => {
  for (const args of [[], ['post-receive']]) {
    const { code, stderr } = await run(script('portcullis-git-hook'), args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/^portcullis-git-hook: use: /) });
  }
});
