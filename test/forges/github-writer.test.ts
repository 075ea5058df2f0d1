import { githubWriter } from '../../daemon/forges/github-writer.ts';
import type { Thing } from './api-mock.ts';
import { GITHUB_TOKEN, seededGithub } from './github-seed.ts';
import { writerContract } from './writer-contract.ts';

/** GitHub as it is for whoever makes things in it: what is made in one place shows in others. */
async function writable() {
  const mock = await seededGithub();
  const repositories = new Set(['/repos/acme/app', '/repos/acme/empty', '/repos/acme/old']);
  mock.put('/repos/acme/again/assignees/octocat', {});
  mock.intercept((request, response) => {
    const [, at = '', rest = ''] = /^(\/repos\/[^/]+\/[^/?]+)([^?]*)/.exec(request.url ?? '') ?? [];
    if (at === '' || repositories.has(at)) return false;
    response
      .writeHead(404, { 'content-type': 'application/json' })
      .end(JSON.stringify({ message: `Not Found${rest}` }));
    return true;
  });
  mock.made = (path, thing) => {
    if (path === '/orgs/acme/repos') {
      const at = `/repos/acme/${String(thing['name'])}`;
      repositories.add(at);
      thing['full_name'] = `acme/${String(thing['name'])}`;
      thing['clone_url'] = `${mock.url}/acme/${String(thing['name'])}.git`;
      mock.put(at, thing);
      for (const tag of ['v1', 'v2']) mock.put(`${at}/git/ref/${encodeURIComponent(`tags/${tag}`)}`, { ref: tag });
    }
    if (/\/issues$/.test(path)) Object.assign(thing, { pull_request: null, state: 'open', comments: 0 });
    if (/\/releases$/.test(path))
      Object.assign(thing, { upload_url: `${mock.url}${path}/${String(thing['id'])}/assets{?name,label}`, assets: [] });
    const [, releases, id] = /^(.*\/releases)\/(\d+)\/assets$/.exec(path) ?? [];
    if (releases !== undefined) {
      const release = (mock.at(releases) as Thing[]).find((one) => String(one['id']) === id);
      (release?.['assets'] as Thing[] | undefined)?.push(thing);
    }
  };
  return mock;
}

writerContract('github', {
  seed: writable,
  token: GITHUB_TOKEN,
  owner: 'acme',
  make: githubWriter,
  denied: {
    status: 403,
    headers: { 'x-accepted-github-permissions': 'issues=write; pull_requests=write' },
    body: { message: 'Resource not accessible by personal access token' },
    needs: 'issues: write',
  },
});
