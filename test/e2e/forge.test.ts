import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { ApiMock, Thing } from '../forges/api-mock.ts';
import { GITEA_TOKEN, seededGitea } from '../forges/gitea-seed.ts';
import { GITHUB_TOKEN, seededGithub } from '../forges/github-seed.ts';
import { GITLAB_TOKEN, seededGitlab } from '../forges/gitlab-seed.ts';
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

interface Forge {
  readonly kind: 'github' | 'gitlab' | 'gitea';
  readonly token: string;
  readonly seed: (origin: string) => Promise<ApiMock>;
  /** Where the issues and the variables of the repository with everything are. */
  readonly issues: string;
  readonly variables: string;
  /** What the variable REGION holds. */
  readonly region: string;
  /** What stands in issue 1 and what was said of it. */
  readonly said: readonly string[];
}

const FORGES: readonly Forge[] = [
  {
    kind: 'github',
    token: GITHUB_TOKEN,
    seed: (origin) => seededGithub({ app: origin, empty: origin, old: origin }),
    issues: '/repos/acme/app/issues',
    variables: '/repos/acme/app/actions/variables',
    region: 'eu-central-1',
    said: ['Issue 1', 'Body of 1', 'First', 'Second'],
  },
  {
    kind: 'gitlab',
    token: GITLAB_TOKEN,
    async seed(origin) {
      const mock = await seededGitlab({ 'acme/app': origin, 'acme/inner/empty': origin, 'acme/old': origin });
      // Of one name for two environments there would be two files.
      mock.put('/projects/9/variables', (mock.at('/projects/9/variables') as Thing[]).slice(0, 1));
      return mock;
    },
    issues: '/projects/9/issues',
    variables: '/projects/9/variables',
    region: 'eu-central-1-recognisable',
    said: [],
  },
  {
    kind: 'gitea',
    token: GITEA_TOKEN,
    async seed(origin) {
      const mock = await seededGitea({ app: origin, empty: origin, old: origin });
      mock.intercept(({ url = '' }, response) => {
        if (!/\/(releases\/download|attachments)\//.test(url)) return false;
        response.writeHead(200).end(url.includes('attachments') ? 'png!' : 'bytes');
        return true;
      });
      return mock;
    },
    issues: '/repos/acme/app/issues',
    variables: '/repos/acme/app/actions/variables',
    region: 'eu-central-recognisable',
    said: ['Issue 1', 'Body of 1', 'First', 'Second'],
  },
];

describe.each(FORGES)('an organisation of $kind, over the real processes', (forge) => {
  it('is backed up whole, then by what has changed, and restored by one variable, one issue and one branch', async () => {
    const appliance = new Appliance();
    cleanUps.push(() => appliance.destroy());
    const origin = originIn(appliance.home);
    const mock = await forge.seed(origin);
    cleanUps.push(() => mock.stop());
    writeFileSync(appliance.at('token'), `${forge.token}\n`, { mode: 0o600 });
    const { kind } = forge;
    await appliance.create({
      sources: [{ name: 'acme', kind, url: mock.url, owner: 'acme', token: { file: appliance.at('token') } }],
    });
    await appliance.start();
    const first = await committedAfter(appliance, 0);
    const at = new Date().toISOString();
    const branch = git(origin, 'rev-parse', 'release/1');

    // The agent's nine seconds: an issue rewritten, the variables deleted, a branch deleted and history rewritten.
    const issues = mock.at(forge.issues) as Thing[];
    const changed = issues.find((issue) => String(issue['number'] ?? issue['iid']) === '1') ?? {};
    const title = String(changed['title']);
    Object.assign(changed, { title: 'Overwritten', updated_at: mock.tick() });
    const variables = mock.at(forge.variables);
    mock.put(forge.variables, Array.isArray(variables) ? [] : { total_count: 0, variables: [] });
    git(origin, 'branch', '--quiet', '-D', 'release/1');
    git(origin, 'commit', '--quiet', '--amend', '-m', 'rewritten');
    mock.requests.length = 0;
    const second = await committedAfter(appliance, Date.now());
    expect(second).toBeGreaterThan(first);
    const asked = mock.requests.filter((request) => request.includes(`${forge.issues}?`));
    expect(asked.some((request) => /[?&](since|updated_after)=/.test(request))).toBe(true);
    expect(mock.faults).toEqual([]);
    await appliance.stop();

    const from = ['--store', appliance.at('board/disk'), '--key', appliance.at('recovery.key'), '--source', 'acme'];
    const app = ['--repo', 'acme/app'];
    const restore = async (...args: string[]) => {
      const ran = await appliance.cli('restore', ...from, ...app, ...args);
      expect(ran.code, ran.err).toBe(0);
      return ran;
    };
    await restore('--at', at, '--variable', 'REGION', '--format', 'env', '--to', appliance.at('region.env'));
    expect(readFileSync(appliance.at('region.env'), 'utf8')).toContain(`REGION='${forge.region}'\n`);
    await restore('--at', at, '--issue', '1', '--to', appliance.at('issue'));
    const files = execFileSync('sh', ['-c', `cat ${appliance.at('issue')}/*`], { encoding: 'utf8' });
    for (const text of [title, ...forge.said]) expect(files).toContain(text);
    expect(files).not.toContain('Overwritten');
    await restore('--at', at, '--branch', 'release/1', '--to', appliance.at('release.bundle'));
    const clone = appliance.at('clone');
    git(appliance.home, 'clone', '--quiet', '--branch', 'release/1', appliance.at('release.bundle'), clone);
    expect(git(clone, 'rev-parse', 'HEAD')).toBe(branch);

    // And as it is now: the variable is flagged, and still there; and when it was last not is found.
    const now = await restore('--variable', 'REGION', '--format', 'env', '--to', appliance.at('now.env'));
    expect(readFileSync(appliance.at('now.env'), 'utf8')).toContain(forge.region);
    expect(`${now.out}${now.err}`).toMatch(/gone/i);
    const found = await appliance.cli('find', ...from, ...app, '--branch', 'release/1');
    expect(found.code, found.err).toBe(0);
    expect(found.out).toContain(branch.slice(0, 7));

    // The token is nowhere but in its file.
    const held = execFileSync('sh', ['-c', `grep -rlaF ${forge.token} ${appliance.home} || true`], {
      encoding: 'utf8',
    });
    expect(held.trim()).toBe(appliance.at('token'));
    expect(appliance.log).not.toContain(forge.token);
  }, 240_000);
});
