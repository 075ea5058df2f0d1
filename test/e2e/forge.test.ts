import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { ApiMock, Thing } from '../forges/api-mock.ts';
import { GITHUB_TOKEN, seededGithub } from '../forges/github-seed.ts';
import { Appliance } from './appliance.ts';

const cleanUps: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function git(cwd: string, ...args: string[]): string {
  const who = ['-c', 'user.name=T', '-c', 'user.email=t@example.com', '-c', 'init.defaultBranch=main'];
  return execFileSync('git', [...who, ...args], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

/** A repository with a branch beside main. */
function originIn(home: string): string {
  git(home, 'init', '--quiet', 'origin');
  const origin = join(home, 'origin');
  for (const text of ['one', 'two']) {
    writeFileSync(join(origin, 'file.txt'), text);
    git(origin, 'add', '.');
    git(origin, 'commit', '--quiet', '-m', text);
  }
  git(origin, 'branch', 'release/1', 'HEAD~1');
  return origin;
}

async function committedAfter(appliance: Appliance, wall: number): Promise<number> {
  return appliance.until('a snapshot of the forge is committed', 90, async () => {
    const status = await appliance.status();
    const [source] = status?.sources ?? [];
    return (source?.lastSnapshot?.wall ?? 0) > wall && status?.gate?.view.link === 'isolated'
      ? source?.lastSnapshot?.seq
      : undefined;
  });
}

describe('an organisation of GitHub, over the real processes', () => {
  it('is backed up whole, then by what has changed, and restored by one variable, one issue and one branch', async () => {
    const appliance = new Appliance();
    cleanUps.push(() => appliance.destroy());
    const origin = originIn(appliance.home);
    const mock: ApiMock = await seededGithub({ app: origin, empty: origin, old: origin });
    cleanUps.push(() => mock.stop());
    writeFileSync(appliance.at('token'), `${GITHUB_TOKEN}\n`, { mode: 0o600 });
    await appliance.create({
      sources: [{ name: 'acme', kind: 'github', url: mock.url, owner: 'acme', token: { file: appliance.at('token') } }],
    });
    await appliance.start();
    const first = await committedAfter(appliance, 0);
    const at = new Date().toISOString();
    const branch = git(origin, 'rev-parse', 'release/1');

    // The agent's nine seconds: an issue rewritten, a variable deleted, a branch deleted and history rewritten.
    const issues = mock.at('/repos/acme/app/issues') as Thing[];
    Object.assign(issues[0] ?? {}, { title: 'Overwritten', updated_at: mock.tick() });
    mock.put('/repos/acme/app/actions/variables', { total_count: 0, variables: [] });
    git(origin, 'branch', '--quiet', '-D', 'release/1');
    git(origin, 'commit', '--quiet', '--amend', '-m', 'rewritten');
    mock.requests.length = 0;
    const second = await committedAfter(appliance, Date.now());
    expect(second).toBeGreaterThan(first);
    const asked = mock.requests.filter((request) => request.includes('/repos/acme/app/issues'));
    expect(asked.some((request) => request.includes('since='))).toBe(true);
    expect(asked.some((request) => request.includes('/issues/2/'))).toBe(false);
    expect(mock.faults).toEqual([]);
    await appliance.stop();

    const from = ['--store', appliance.at('board/disk'), '--key', appliance.at('recovery.key'), '--source', 'acme'];
    const restore = async (...args: string[]) => {
      const ran = await appliance.cli('restore', ...from, ...args);
      expect(ran.code, ran.err).toBe(0);
      return ran;
    };
    await restore(
      '--at',
      at,
      '--repo',
      'acme/app',
      '--variable',
      'REGION',
      '--format',
      'env',
      '--to',
      appliance.at('region.env'),
    );
    expect(readFileSync(appliance.at('region.env'), 'utf8')).toContain("REGION='eu-central-1'\n");
    await restore('--at', at, '--repo', 'acme/app', '--issue', '1', '--to', appliance.at('issue'));
    const files = execFileSync('sh', ['-c', `cat ${appliance.at('issue')}/*`], { encoding: 'utf8' });
    for (const text of ['Issue 1', 'Body of 1', 'First', 'Second']) expect(files).toContain(text);
    expect(files).not.toContain('Overwritten');
    await restore('--at', at, '--repo', 'acme/app', '--branch', 'release/1', '--to', appliance.at('release.bundle'));
    git(
      appliance.home,
      'clone',
      '--quiet',
      '--branch',
      'release/1',
      appliance.at('release.bundle'),
      appliance.at('clone'),
    );
    expect(git(appliance.at('clone'), 'rev-parse', 'HEAD')).toBe(branch);

    // And as it is now: the variable is flagged, and still there.
    const now = await restore(
      '--repo',
      'acme/app',
      '--variable',
      'REGION',
      '--format',
      'env',
      '--to',
      appliance.at('now.env'),
    );
    expect(readFileSync(appliance.at('now.env'), 'utf8')).toContain('eu-central-1');
    expect(`${now.out}${now.err}`).toMatch(/gone/i);

    // The token is nowhere but in its file.
    const found = execFileSync('sh', ['-c', `grep -rlaF ${GITHUB_TOKEN} ${appliance.home} || true`], {
      encoding: 'utf8',
    });
    expect(found.trim()).toBe(appliance.at('token'));
    expect(appliance.log).not.toContain(GITHUB_TOKEN);
  }, 240_000);
});
