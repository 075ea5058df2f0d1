import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../daemon/forges/forge.ts';
import { gitlabReader } from '../../daemon/forges/gitlab-reader.ts';
import type { StoredDocument } from '../../daemon/forges/layout.ts';
import { descriptionAt } from './api-mock.ts';

const { operations } = descriptionAt('./gitlab/api.json');

/** The published example of an operation, its first item where that is a list. */
function example(operation: string): JsonObject {
  const found = operations[operation]?.example;
  return structuredClone(Array.isArray(found) ? found[0] : found) as JsonObject;
}

function stored(collection: StoredDocument['collection'], object: JsonObject): StoredDocument {
  return { collection, key: 'any', object };
}

const discussions = operations['GET /projects/{id}/issues/{issue_iid}/discussions']?.example as JsonObject[];

describe('reader of GitLab documents', () => {
  it('reads a project', () => {
    expect(gitlabReader.repository(stored('repository', example('GET /groups/{id}/projects')))).toEqual({
      path: 'h5bp/html5-boilerplate',
      description: 'foo',
      visibility: 'internal',
      archived: false,
      defaultBranch: 'master',
      topics: [],
      hasIssues: true,
      hasWiki: true,
    });
    const off = { ...example('GET /groups/{id}/projects'), wiki_access_level: 'disabled', topics: ['web'] };
    expect(gitlabReader.repository(stored('repository', off))).toMatchObject({ hasWiki: false, topics: ['web'] });
  });

  it('reads an issue, and what people wrote, in the order of time', () => {
    const issue = example('GET /projects/{id}/issues');
    const read = gitlabReader.issue(stored('issues', { issue, discussions }));
    expect(read).toMatchObject({
      number: 1,
      state: 'closed',
      author: 'root',
      closedAt: '2016-01-05T15:31:46.176Z',
      labels: ['foo', 'bar'],
      milestone: 'v3.0',
      assignees: ['lennie'],
      url: 'http://example.com/my-group/my-project/issues/1',
    });
    expect(read.comments.map(({ id, body }) => [id, body])).toEqual([
      ['1126', 'discussion text'],
      ['1128', 'a single comment'],
      ['1129', 'reply to the discussion'],
    ]);
  });

  it('leaves out what GitLab noted itself', () => {
    const notes = [{ id: 1, system: true, body: 'changed the description', created_at: '2026-01-01T00:00:00Z' }];
    const issue = example('GET /projects/{id}/issues');
    expect(gitlabReader.issue(stored('issues', { issue, discussions: [{ notes }] })).comments).toEqual([]);
  });

  it('reads labels that came with their details, and states of old', () => {
    const issue = { ...example('GET /projects/{id}/issues'), labels: [{ name: 'bug' }], state: 'reopened' };
    expect(gitlabReader.issue(stored('issues', { issue }))).toMatchObject({ labels: ['bug'], state: 'open' });
  });

  it('reads a merge request, comments on its lines and who approved it', () => {
    const request = { ...example('GET /projects/{id}/merge_requests'), diff_refs: { base_sha: 'b'.repeat(40) } };
    const author = { username: 'ada' };
    const at = '2018-05-01T10:00:00.000Z';
    const position = { new_path: 'src/app.ts', new_line: 12, old_path: 'src/old.ts', old_line: 3 };
    const notes = [
      { id: 5, system: false, body: 'why?', created_at: '2018-05-01T09:00:00.000Z', author, position },
      { id: 6, system: true, body: 'approved this merge request', created_at: at, author },
    ];
    const read = gitlabReader.pull(
      stored('pulls', {
        merge_request: request,
        discussions: [{ notes }],
        approvals: { approved_by: [{ user: author }] },
      }),
    );
    expect(read).toMatchObject({
      state: 'closed',
      mergedAt: '2018-09-07T11:16:17.520Z',
      closedAt: '2018-09-07T11:16:17.520Z',
      draft: false,
      from: { branch: 'test1', commit: '8'.repeat(40) },
      into: { branch: 'master', commit: 'b'.repeat(40) },
    });
    expect(read.comments).toEqual([
      {
        id: '5',
        author: 'ada',
        createdAt: '2018-05-01T09:00:00.000Z',
        body: 'why?',
        file: 'src/app.ts',
        line: 12,
      },
      { id: 'approval ada', author: 'ada', createdAt: at, body: '', review: 'approved' },
    ]);
  });

  it('reads labels, milestones, releases', () => {
    expect(gitlabReader.label(stored('labels', example('GET /projects/{id}/labels')))).toEqual({
      name: 'bug',
      color: 'd9534f',
      description: 'Bug reported by user',
    });
    const milestone = gitlabReader.milestone(stored('milestones', example('GET /projects/{id}/milestones')));
    expect(milestone).toEqual({ title: '10.0', description: 'Version', state: 'open', dueAt: '2013-11-29' });
    const release = { ...example('GET /projects/{id}/releases') };
    expect(gitlabReader.release(stored('releases', release))).toMatchObject({ tag: 'v0.1', draft: false, assets: [] });
    const links = [
      { id: 1, name: 'app.tgz', url: 'https://gitlab.example.com/api/v4/projects/24/packages/generic/app/1/app.tgz' },
      { id: 2, name: 'msi', url: 'http://192.168.10.15:3000/msi' },
    ];
    expect(gitlabReader.release(stored('releases', { ...release, assets: { links } })).assets).toEqual(['app.tgz']);
  });

  it('reads variables, hidden ones without a value, and secure files by their names', () => {
    const variable = example('GET /projects/{id}/variables');
    expect(gitlabReader.variable(stored('variables', variable))).toEqual({
      name: 'TEST_VARIABLE_1',
      value: 'TEST_1',
      protected: false,
      masked: true,
      file: false,
    });
    const hidden = { ...variable, value: null, environment_scope: 'review/*', variable_type: 'file' };
    expect(gitlabReader.variable(stored('variables', hidden))).toEqual({
      name: 'TEST_VARIABLE_1',
      environment: 'review/*',
      protected: false,
      masked: true,
      file: true,
    });
    expect(gitlabReader.variable(stored('secrets', example('GET /projects/{id}/secure_files')))).toEqual({
      name: 'myfile.jks',
      file: true,
    });
  });

  it('reads what there is of an issue that is not whole', () => {
    const issue = { iid: 4, title: 'Half' };
    expect(gitlabReader.issue(stored('issues', { issue }))).toMatchObject({
      number: 4,
      title: 'Half',
      url: '',
      labels: [],
    });
  });

  it('throws TypeError on what is none of its own', () => {
    const nothing = stored('issues', {});
    for (const read of ['repository', 'issue', 'pull', 'label', 'milestone', 'release', 'variable'] as const)
      expect(() => gitlabReader[read](nothing), read).toThrow(TypeError);
    expect(() => gitlabReader.label(stored('labels', { name: 'a', color: 'blue' }))).toThrow(TypeError);
  });
});
