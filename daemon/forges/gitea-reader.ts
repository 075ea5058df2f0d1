import { listIn, objectIn, optionalText, textOf } from './documents.ts';
import type { JsonObject } from './forge.ts';
import { githubReader } from './github-reader.ts';
import type { StoredDocument } from './layout.ts';
import type { Comment, DocumentReader, Issue, Variable } from './view.ts';
import { text } from './view-parts.ts';

/**
 * Reads what `gitea.ts` has put together. Gitea's objects are GitHub's in most names; what is different is here: variables
 * are `data`, a repository may be `internal`, and reviews hold their comments.
 */
export const giteaReader: DocumentReader = {
  ...githubReader,
  kind: 'gitea',
  repository(document) {
    const { object } = document;
    const homepage = optionalText(object, 'website');
    return {
      ...githubReader.repository(document),
      visibility: object['internal'] === true ? 'internal' : object['private'] === false ? 'public' : 'private',
      ...(homepage === undefined || homepage === '' ? {} : { homepage }),
    };
  },
  issue: ({ object }) => withAuthors(githubReader.issue({ collection: 'issues', key: '', object }), object),
  pull(document) {
    const { reviews: _, ...rest } = document.object;
    const pull = withAuthors(githubReader.pull({ ...document, object: rest }), document.object);
    const said = [...pull.comments, ...reviewsOf(document.object)];
    return { ...pull, comments: said.sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1)) };
  },
  label(document) {
    const label = githubReader.label(document);
    return { ...label, color: label.color.replace(/^#/, '') };
  },
  // A link to elsewhere (Forgejo) has no file in the snapshot.
  release: (document) => ({
    ...githubReader.release(document),
    assets: listIn(document.object, 'assets').flatMap((asset) =>
      asset['type'] === 'external' ? [] : textOf(asset, 'name'),
    ),
  }),
  variable({ object }: StoredDocument): Variable {
    const value = optionalText(object, 'data');
    return { name: textOf(object, 'name'), ...(value === undefined ? {} : { value }) };
  },
};

/** What was brought here from another forge names who wrote it there beside the account that brought it. */
function withAuthors<T extends Issue>(issue: T, object: JsonObject): T {
  const comments = listIn(object, 'comments');
  return {
    ...issue,
    author: optionalText(objectIn(object, 'issue') ?? {}, 'original_author') || issue.author,
    comments: issue.comments.map((comment) => {
      const own = comments.find((one) => textOf(one, 'id') === comment.id);
      return { ...comment, author: (own && optionalText(own, 'original_author')) || comment.author };
    }),
  };
}

const REVIEWS: Readonly<Record<string, Comment['review']>> = {
  APPROVED: 'approved',
  REQUEST_CHANGES: 'changes requested',
  COMMENT: 'commented',
};

function reviewsOf(object: JsonObject): Comment[] {
  return listIn(object, 'reviews').flatMap((review): Comment[] => {
    const decided = review['dismissed'] === true ? 'dismissed' : REVIEWS[text(review, 'state')];
    const own: Comment = {
      id: `review-${textOf(review, 'id')}`,
      author: login(review),
      createdAt: text(review, 'submitted_at'),
      body: text(review, 'body'),
      ...(decided === undefined ? {} : { review: decided }),
    };
    const lines = listIn(review, 'comments').map((comment): Comment => {
      const line = comment['position'] ?? comment['original_position'];
      return {
        id: `line-${textOf(comment, 'id')}`,
        author: login(comment),
        createdAt: text(comment, 'created_at'),
        body: text(comment, 'body'),
        file: text(comment, 'path'),
        ...(typeof line === 'number' ? { line } : {}),
      };
    });
    // Somebody was asked for a review, or has not sent it yet: nothing was said.
    return [...(own.body === '' && decided === undefined ? [] : [own]), ...lines];
  });
}

function login(object: JsonObject): string {
  return optionalText(objectIn(object, 'user') ?? {}, 'login') ?? 'ghost';
}
