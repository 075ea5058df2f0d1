import { describe, expect, it } from 'vitest';
import type { CollectionName, JsonObject } from '../../daemon/forges/forge.ts';
import { githubReader } from '../../daemon/forges/github-reader.ts';
import type { StoredDocument } from '../../daemon/forges/layout.ts';
import { descriptionAt } from './api-mock.ts';

const { operations } = descriptionAt('./github/api.json');

/** The example GitHub publishes for an operation; of a list its first item. */
function example(operation: string, under?: string): JsonObject {
  const published = operations[`GET /repos/{owner}/{repo}${operation}`]?.example as JsonObject | JsonObject[];
  const list = under === undefined ? published : (published as JsonObject)[under];
  return (Array.isArray(list) ? list[0] : list) as JsonObject;
}

function stored(collection: CollectionName | 'repository', object: JsonObject): StoredDocument {
  return { collection, key: '1', object };
}

describe('reading what GitHub gave, over published examples', () => {
  it('reads a repository', () => {
    expect(githubReader.repository(stored('repository', example('')))).toEqual({
      path: 'octocat/Hello-World',
      description: 'This your first repo!',
      visibility: 'public',
      archived: false,
      defaultBranch: 'master',
      topics: ['octocat'],
      homepage: 'https://github.com',
      hasIssues: true,
      hasWiki: true,
    });
  });

  it('takes a repository for private unless it is said to be something else', () => {
    const { visibility: _, private: __, ...object } = example('');
    expect(githubReader.repository(stored('repository', object)).visibility).toBe('private');
    expect(githubReader.repository(stored('repository', { ...object, visibility: 'internal' })).visibility).toBe(
      'internal',
    );
  });

  it('reads an issue with its comments', () => {
    const object = { issue: example('/issues'), comments: [example('/issues/{issue_number}/comments')] };
    expect(githubReader.issue(stored('issues', object))).toEqual({
      number: 1347,
      title: 'Found a bug',
      body: "I'm having a problem with this.",
      state: 'open',
      author: 'octocat',
      createdAt: '2011-04-22T13:33:48Z',
      labels: ['bug'],
      milestone: 'v1.0',
      assignees: ['octocat'],
      comments: [{ id: '1', author: 'octocat', createdAt: '2011-04-14T16:00:49Z', body: 'Me too' }],
      url: 'https://github.com/octocat/Hello-World/issues/1347',
    });
  });

  it('reads an issue whose author has gone, and which says nothing', () => {
    const object = { issue: { ...example('/issues'), user: null, body: null, milestone: null }, comments: [] };
    const issue = githubReader.issue(stored('issues', object));
    expect(issue).toMatchObject({ author: 'ghost', body: '' });
    expect('milestone' in issue).toBe(false);
  });

  it('reads a pull request with reviews and comments on lines, in the order of time', () => {
    const object = {
      issue: example('/issues'),
      pull: example('/pulls/{pull_number}'),
      comments: [{ ...example('/issues/{issue_number}/comments'), created_at: '2020-01-01T00:00:00Z' }],
      reviews: [example('/pulls/{pull_number}/reviews')],
      review_comments: [example('/pulls/{pull_number}/comments')],
    };
    const pull = githubReader.pull(stored('pulls', object));
    expect(pull).toMatchObject({
      from: {
        repository: 'octocat/Hello-World',
        branch: 'new-topic',
        commit: '6dcb09b5b57875f334f61aebed695e2e4193db5e',
      },
      into: { branch: 'master', commit: '6dcb09b5b57875f334f61aebed695e2e4193db5e' },
      mergedAt: '2011-01-26T19:01:12Z',
      draft: false,
    });
    expect(pull.comments).toEqual([
      {
        id: 'line-10',
        author: 'octocat',
        createdAt: '2011-04-14T16:00:49Z',
        body: 'Great stuff!',
        file: 'file1.txt',
        line: 2,
      },
      {
        id: 'review-80',
        author: 'octocat',
        createdAt: '2019-11-17T17:43:43Z',
        body: 'Here is the body for the review.',
        review: 'approved',
      },
      { id: '1', author: 'octocat', createdAt: '2020-01-01T00:00:00Z', body: 'Me too' },
    ]);
  });

  it('reads a pull request from a fork that has gone', () => {
    const pull = example('/pulls/{pull_number}');
    const head = { ...(pull['head'] as JsonObject), repo: null };
    const object = { issue: example('/issues'), pull: { ...pull, head }, comments: [] };
    expect(githubReader.pull(stored('pulls', object)).from).not.toHaveProperty('repository');
  });

  it('reads labels, milestones and releases', () => {
    expect(githubReader.label(stored('labels', example('/labels')))).toEqual({
      name: 'bug',
      color: 'f29513',
      description: "Something isn't working",
    });
    expect(githubReader.milestone(stored('milestones', example('/milestones')))).toEqual({
      title: 'v1.0',
      description: 'Tracking milestone for version 1.0',
      state: 'open',
      dueAt: '2012-10-09T23:39:01Z',
    });
    expect(githubReader.release(stored('releases', example('/releases')))).toEqual({
      tag: 'v1.0.0',
      name: 'v1.0.0',
      body: 'Description of the release',
      draft: false,
      prerelease: false,
      createdAt: '2013-02-27T19:35:32Z',
      assets: ['example.zip'],
    });
  });

  it('reads variables with their values, and secrets by name alone', () => {
    const variable = example('/actions/variables', 'variables');
    expect(githubReader.variable(stored('variables', variable))).toEqual({ name: 'USERNAME', value: 'octocat' });
    expect(githubReader.variable(stored('variables', { ...variable, environment: 'production' }))).toMatchObject({
      environment: 'production',
    });
    expect(githubReader.variable(stored('secrets', example('/actions/secrets', 'secrets')))).toEqual({
      name: 'GH_TOKEN',
    });
  });

  it('refuses what is no document of its own', () => {
    expect(() => githubReader.issue(stored('issues', { number: 1 }))).toThrow(TypeError);
    expect(() => githubReader.pull(stored('pulls', { issue: example('/issues') }))).toThrow(TypeError);
    expect(() => githubReader.label(stored('labels', {}))).toThrow();
  });
});
