import { isObject, textOf } from './documents.ts';
import type { Document, JsonObject, Page } from './forge.ts';
import { type GithubApi, PER_PAGE } from './github-api.ts';

/** Issues of the repository at `base`, with their comments, from `cursor` on. */
export function issues(api: GithubApi, base: string, cursor: string | undefined): AsyncGenerator<Page> {
  return changes(api, base, cursor, async (issue) =>
    isObject(issue['pull_request']) ? undefined : issueDocument(api, base, issue),
  );
}

/** Pull requests, with what was said and decided about them. */
export function pulls(api: GithubApi, base: string, cursor: string | undefined): AsyncGenerator<Page> {
  return changes(api, base, cursor, async (issue) =>
    isObject(issue['pull_request']) ? pullDocument(api, base, issue) : undefined,
  );
}

/**
 * Issues and pull requests, which GitHub numbers together and lists by their last change. What changes while it is read moves to the end
 * and draws the rest forward; so each page starts from the last change of the page before, and not at a place in the list.
 */
async function* changes(
  api: GithubApi,
  base: string,
  cursor: string | undefined,
  documentOf: (issue: JsonObject) => Promise<Document | undefined>,
): AsyncGenerator<Page> {
  let since = cursor;
  let page = 1;
  for (;;) {
    const query = { state: 'all', sort: 'updated', direction: 'asc', per_page: PER_PAGE, page, since };
    const [issues = []] = await first(api.pages(`${base}/issues`, query));
    const documents: Document[] = [];
    for (const issue of issues) {
      const document = await documentOf(issue);
      if (document !== undefined) documents.push(document);
    }
    const last = issues.at(-1);
    const until = last === undefined ? since : textOf(last, 'updated_at');
    yield { documents, ...(until === undefined ? {} : { cursor: until }) };
    if (issues.length < PER_PAGE) return;
    page = until === since ? page + 1 : 1;
    since = until;
  }
}

async function issueDocument(api: GithubApi, base: string, issue: JsonObject): Promise<Document> {
  const number = textOf(issue, 'number');
  const comments =
    issue['comments'] === 0 ? [] : await api.all(`${base}/issues/${number}/comments`, { per_page: PER_PAGE });
  return { key: number, object: { issue, comments } };
}

async function pullDocument(api: GithubApi, base: string, issue: JsonObject): Promise<Document> {
  const number = textOf(issue, 'number');
  const pull = await api.get(`${base}/pulls/${number}`);
  const comments =
    issue['comments'] === 0 ? [] : await api.all(`${base}/issues/${number}/comments`, { per_page: PER_PAGE });
  const reviews = await api.all(`${base}/pulls/${number}/reviews`, { per_page: PER_PAGE });
  const reviewComments =
    pull['review_comments'] === 0 ? [] : await api.all(`${base}/pulls/${number}/comments`, { per_page: PER_PAGE });
  return { key: number, object: { issue, pull, comments, reviews, review_comments: reviewComments } };
}

async function first<T>(items: AsyncIterable<T>): Promise<T[]> {
  for await (const item of items) return [item];
  return [];
}
