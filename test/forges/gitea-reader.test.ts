import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { Secret } from '../../daemon/base/secret.ts';
import type { CollectionName } from '../../daemon/forges/forge.ts';
import { giteaForge } from '../../daemon/forges/gitea.ts';
import { giteaReader } from '../../daemon/forges/gitea-reader.ts';
import type { StoredDocument } from '../../daemon/forges/layout.ts';
import type { ApiMock } from './api-mock.ts';
import { GITEA_TOKEN, seededGitea } from './gitea-seed.ts';

/** Documents as the client gives them are what the reader is given. */
describe('reader of gitea', () => {
  const context = { signal: new AbortController().signal };
  let mock: ApiMock;
  let cache: string;
  beforeEach(async () => {
    mock = await seededGitea();
    cache = mkdtempSync(join(tmpdir(), 'pc-gitea-'));
  });
  afterEach(async () => {
    await mock.stop();
    rmSync(cache, { recursive: true, force: true });
  });
  async function stored(collection: CollectionName): Promise<StoredDocument[]> {
    const forge = giteaForge({
      url: mock.url,
      owner: 'acme',
      token: Secret.fromText(GITEA_TOKEN),
      cache,
      clock: systemClock,
    });
    const found: StoredDocument[] = [];
    for await (const repositories of forge.repositories(context))
      for (const repository of repositories.filter(({ path }) => path === 'acme/app'))
        for await (const page of forge.ofRepository
          .find(({ name }) => name === collection)
          ?.read(repository, undefined, context) ?? [])
          found.push(...page.documents.map(({ key, object }) => ({ collection, key, object })));
    return found;
  }
  async function named(collection: CollectionName, key: string): Promise<StoredDocument> {
    const found = (await stored(collection)).find((one) => one.key === key);
    if (found === undefined) throw new Error(`there is no ${collection}/${key}`);
    return found;
  }

  it('reads an issue with its comments', async () => {
    expect(giteaReader.issue(await named('issues', '1'))).toMatchObject({
      number: 1,
      title: 'Issue 1',
      body: 'Body of 1',
      createdAt: '2026-05-01T00:00:00Z',
      comments: [
        { id: '11', body: 'First' },
        { id: '12', body: 'Second' },
      ],
    });
  });

  it('names who wrote it where it came from', async () => {
    const issue = { number: 1, title: 'x', user: { login: 'importer' }, original_author: 'ada' };
    const comments = [
      { id: 2, user: { login: 'importer' }, original_author: 'grace' },
      { id: 3, user: { login: 'linus' }, original_author: '' },
    ];
    const read = giteaReader.issue({ collection: 'issues', key: '1', object: { issue, comments } });
    expect([read.author, ...read.comments.map(({ author }) => author)]).toEqual(['ada', 'grace', 'linus']);
  });

  it('reads a pull request with its reviews and what they say of which line', async () => {
    const pull = giteaReader.pull(await named('pulls', '3'));
    expect(pull).toMatchObject({ number: 3, draft: false, from: { branch: 'ref' }, into: { branch: 'ref' } });
    expect(pull.comments).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ id: '13', body: 'On the change' }),
        expect.objectContaining({ id: 'review-31', review: 'approved' }),
        expect.objectContaining({ id: 'line-32', file: 'src/main.ts', line: 7 }),
      ]),
    );
  });

  it('takes a request for a review for nothing that was said', () => {
    const read = giteaReader.pull({
      collection: 'pulls',
      key: '1',
      object: {
        issue: { number: 1 },
        pull: {},
        comments: [],
        reviews: [{ id: 1, state: 'REQUEST_REVIEW', body: '', comments: [] }],
      },
    });
    expect(read.comments).toEqual([]);
  });

  it('reads labels, milestones, releases and variables', async () => {
    expect((await stored('labels')).map((one) => giteaReader.label(one))).toMatchObject([
      { name: 'bug', color: '00aabb' },
      { name: 'later' },
    ]);
    expect((await stored('milestones')).map((one) => giteaReader.milestone(one))).toMatchObject([
      { title: '1.0', state: 'open' },
    ]);
    expect((await stored('releases')).map((one) => giteaReader.release(one))).toMatchObject([
      { tag: 'v1.0.0', assets: ['app.tar.gz'] },
    ]);
    expect((await stored('variables')).map((one) => giteaReader.variable(one))).toEqual([
      { name: 'REGION', value: 'eu-central-recognisable' },
    ]);
    expect((await stored('secrets')).map((one) => giteaReader.variable(one))).toEqual([{ name: 'DEPLOY_KEY' }]);
  });

  it('reads a repository', () => {
    const object = {
      full_name: 'acme/app',
      internal: true,
      private: false,
      website: 'https://app.example',
      has_wiki: true,
    };
    expect(giteaReader.repository({ collection: 'repository', key: 'acme/app', object })).toMatchObject({
      path: 'acme/app',
      visibility: 'internal',
      homepage: 'https://app.example',
      hasWiki: true,
    });
  });
});
