import { listIn, objectIn, optionalText, textOf } from './documents.ts';
import type { JsonObject } from './forge.ts';
import type { StoredDocument } from './layout.ts';
import type { Comment, DocumentReader, Issue, Variable } from './view.ts';
import { datesOf, namesIn, number, text } from './view-parts.ts';

/** Reads what `github.ts` has put together. */
export const githubReader: DocumentReader = {
  kind: 'github',
  repository({ object }) {
    const homepage = optionalText(object, 'homepage');
    const branch = optionalText(object, 'default_branch');
    const visibility = optionalText(object, 'visibility');
    return {
      path: textOf(object, 'full_name'),
      description: text(object, 'description'),
      visibility:
        visibility === 'public' || visibility === 'internal'
          ? visibility
          : object['private'] === false
            ? 'public'
            : 'private',
      archived: object['archived'] === true,
      ...(branch === undefined ? {} : { defaultBranch: branch }),
      topics: Array.isArray(object['topics']) ? object['topics'].map(String) : [],
      ...(homepage === undefined || homepage === '' ? {} : { homepage }),
      hasIssues: object['has_issues'] !== false,
      hasWiki: object['has_wiki'] === true,
    };
  },
  issue: ({ object }) => issueOf(inside(object, 'issue'), listIn(object, 'comments')),
  pull({ object }) {
    const pull = inside(object, 'pull');
    const head = objectIn(pull, 'head') ?? {};
    const base = objectIn(pull, 'base') ?? {};
    const repository = optionalText(objectIn(head, 'repo') ?? {}, 'full_name');
    const mergedAt = optionalText(pull, 'merged_at');
    const issue = issueOf(inside(object, 'issue'), listIn(object, 'comments'));
    const said = [...issue.comments, ...reviewsOf(object)].sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
    return {
      ...issue,
      comments: said,
      from: { ...(repository === undefined ? {} : { repository }), branch: text(head, 'ref'), ...commit(head) },
      into: { branch: text(base, 'ref'), ...commit(base) },
      ...(mergedAt === undefined ? {} : { mergedAt }),
      draft: pull['draft'] === true,
    };
  },
  label: ({ object }) => ({
    name: textOf(object, 'name'),
    color: text(object, 'color'),
    description: text(object, 'description'),
  }),
  milestone({ object }) {
    const dueAt = optionalText(object, 'due_on');
    return {
      title: textOf(object, 'title'),
      description: text(object, 'description'),
      state: object['state'] === 'closed' ? 'closed' : 'open',
      ...(dueAt === undefined ? {} : { dueAt }),
    };
  },
  release: ({ object }) => ({
    tag: textOf(object, 'tag_name'),
    name: text(object, 'name'),
    body: text(object, 'body'),
    draft: object['draft'] === true,
    prerelease: object['prerelease'] === true,
    createdAt: text(object, 'created_at'),
    assets: listIn(object, 'assets').map((asset) => textOf(asset, 'name')),
  }),
  variable({ object }: StoredDocument): Variable {
    const value = optionalText(object, 'value');
    const environment = optionalText(object, 'environment');
    return {
      name: textOf(object, 'name'),
      ...(value === undefined ? {} : { value }),
      ...(environment === undefined ? {} : { environment }),
    };
  },
};

function issueOf(issue: JsonObject, comments: readonly JsonObject[]): Issue {
  const milestone = optionalText(objectIn(issue, 'milestone') ?? {}, 'title');
  return {
    number: number(issue, 'number'),
    title: text(issue, 'title'),
    body: text(issue, 'body'),
    state: issue['state'] === 'closed' ? 'closed' : 'open',
    author: login(issue),
    ...datesOf(issue),
    labels: namesIn(issue, 'labels', 'name'),
    ...(milestone === undefined ? {} : { milestone }),
    assignees: namesIn(issue, 'assignees', 'login'),
    comments: comments.map((comment) => ({
      id: textOf(comment, 'id'),
      author: login(comment),
      createdAt: text(comment, 'created_at'),
      body: text(comment, 'body'),
    })),
    url: text(issue, 'html_url'),
  };
}

const REVIEWS: Readonly<Record<string, Comment['review']>> = {
  APPROVED: 'approved',
  CHANGES_REQUESTED: 'changes requested',
  COMMENTED: 'commented',
  DISMISSED: 'dismissed',
};

function reviewsOf(object: JsonObject): Comment[] {
  const reviews = listIn(object, 'reviews').map((review): Comment => {
    const decided = REVIEWS[text(review, 'state')];
    return {
      id: `review-${textOf(review, 'id')}`,
      author: login(review),
      createdAt: text(review, 'submitted_at'),
      body: text(review, 'body'),
      ...(decided === undefined ? {} : { review: decided }),
    };
  });
  const lines = listIn(object, 'review_comments').map((comment): Comment => {
    const line = comment['line'] ?? comment['original_line'];
    return {
      id: `line-${textOf(comment, 'id')}`,
      author: login(comment),
      createdAt: text(comment, 'created_at'),
      body: text(comment, 'body'),
      file: text(comment, 'path'),
      ...(typeof line === 'number' ? { line } : {}),
    };
  });
  return [...reviews, ...lines];
}

/** A deleted account is `ghost`, as GitHub shows it. */
function login(object: JsonObject): string {
  return optionalText(objectIn(object, 'user') ?? {}, 'login') ?? 'ghost';
}

function commit(side: JsonObject): { commit?: string } {
  const sha = optionalText(side, 'sha');
  return sha === undefined ? {} : { commit: sha };
}

function inside(object: JsonObject, name: string): JsonObject {
  const found = objectIn(object, name);
  if (found === undefined) throw new TypeError(`the document has no ${name}`);
  return found;
}
