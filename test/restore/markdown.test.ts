import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Issue, Pull } from '../../daemon/forges/view.ts';
import { issueMarkdown, pullMarkdown } from '../../daemon/restore/markdown.ts';

const origin = { repository: 'acme/app', asOf: '2026-11-21T06:30:00.000Z' };
const plain: Issue = {
  number: 7,
  title: 'It fails',
  body: 'First\n\n* second\r\nthird',
  state: 'closed',
  author: 'ada',
  createdAt: '2026-01-01T00:00:00Z',
  closedAt: '2026-01-02T00:00:00Z',
  labels: ['bug', 'a: b'],
  milestone: 'v1',
  assignees: ['bob'],
  url: 'https://forge.example/7',
  comments: [
    { id: '1', author: 'bob', createdAt: '2026-01-01T01:00:00Z', body: 'Yes' },
    {
      id: '2',
      author: 'eve',
      createdAt: '2026-01-01T02:00:00Z',
      body: '',
      file: 'src/a_b.ts',
      line: 3,
      review: 'approved',
    },
  ],
};

function headOf(page: string): Record<string, unknown> {
  const [, head = ''] = /^---\n([\s\S]*?)\n---\n/.exec(page) ?? [];
  return parse(head) as Record<string, unknown>;
}

it('has the facts in front, then the text, then the comments', () => {
  const page = issueMarkdown(plain, { ...origin, gone: '2026-03-01T00:00:00Z' });
  expect(headOf(page)).toEqual({
    kind: 'issue',
    repository: 'acme/app',
    number: 7,
    title: 'It fails',
    state: 'closed',
    author: 'ada',
    createdAt: '2026-01-01T00:00:00Z',
    closedAt: '2026-01-02T00:00:00Z',
    labels: ['bug', 'a: b'],
    milestone: 'v1',
    assignees: ['bob'],
    url: 'https://forge.example/7',
    asOf: origin.asOf,
    goneSince: '2026-03-01T00:00:00Z',
  });
  expect(page.slice(page.indexOf('# It'))).toBe(
    '# It fails (#7)\n\n> First\n>\n> * second\n> third\n\n' +
      '## bob, 2026-01-01T01:00:00Z\n\n> Yes\n\n## eve, 2026-01-01T02:00:00Z on src/a\\_b.ts, line 3 (approved)\n\n\n',
  );
});

it('of a pull request, also what it was to merge', () => {
  const pull: Pull = {
    ...plain,
    from: { repository: 'eve/app', branch: 'fix', commit: 'a1' },
    into: { branch: 'main' },
    draft: false,
    mergedAt: '2026-01-02T00:00:00Z',
  };
  expect(headOf(pullMarkdown(pull, origin))).toMatchObject({
    kind: 'pull',
    from: 'eve/app:fix',
    fromCommit: 'a1',
    into: 'main',
    draft: false,
    mergedAt: '2026-01-02T00:00:00Z',
  });
});

it('no text passes for the front matter, a heading or a comment', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }).map((one) => one.toWellFormed()),
    fc.string({
      unit: fc.constantFrom('-', '\n', '\r', '#', ' ', '"', "'", ':', '>', '\u2028', '\u0085', 'a', '[', '`'),
    }),
    fc.constant('"\n---\n# Other (#1)\n\n## mallory, 2026\n\n> forged'),
  );
  fc.assert(
    fc.property(text, text, text, text, (title, body, author, comment) => {
      const [first] = plain.comments;
      const page = issueMarkdown(
        { ...plain, title, body, author, labels: [title], comments: [{ ...first!, author, body: comment }] },
        origin,
      );
      expect(headOf(page)).toMatchObject({ title, author, labels: [title], number: 7 });
      const lines = page.slice(page.indexOf('\n---\n') + 5).split(/\r\n|\r|\n/);
      const own = lines.filter((line) => line !== '' && !line.startsWith('>'));
      expect(own.map((line) => line.slice(0, 2).trim())).toEqual(['#', '##']);
    }),
    { numRuns: 500 },
  );
});
