import type { Comment, Issue } from './view.ts';
import { markOf } from './writer.ts';

/** Nothing to see, and no part of a name (U+200B). */
const NOTHING = '\u200b';

/**
 * Text of others, so that it does nothing where it is written again: no forge takes `@name` for a person where something that cannot be
 * in a name stands behind the `@` (GitHub and GitLab look for `@` not behind a letter or digit and before a name, Gitea for `@` at
 * the beginning of a word), a line that GitLab would obey (`/close`) begins with the same, and what looks like our mark is none.
 */
export function harmless(text: string): string {
  return text
    .replace(/(?<![A-Za-z0-9_])(@|&#0*64;|&#x0*40;|&commat;)(?=[^\s@])/gi, `$1${NOTHING}`)
    .replace(/^([ \t>]*)(?=\/[A-Za-z])/gm, `$1${NOTHING}`)
    .replace(/<!--(\s*)portcullis:/gi, '<!--$1quoted portcullis:');
}

/** The text of an issue as it is made again: the mark, who wrote it when and where, and what was written. */
export function issueBody(repository: string, issue: Issue): string {
  const { number, author, createdAt, closedAt, assignees, url, body } = issue;
  return [
    markOf(repository, `issues/${number}`),
    `> Written by ${quoted(author)} on ${createdAt} as #${NOTHING}${number} of ${quoted(repository)}${url === '' ? '' : ` (${quoted(url)})`}.`,
    ...(closedAt === undefined ? [] : [`> Closed on ${closedAt}.`]),
    ...(assignees.length === 0 ? [] : [`> Assigned to ${assignees.map(quoted).join(', ')}.`]),
    '',
    harmless(body),
  ].join('\n');
}

export function commentBody(repository: string, issue: Pick<Issue, 'number'>, comment: Comment): string {
  const { author, createdAt, file, line, review, body } = comment;
  const where = file === undefined ? '' : ` at ${quoted(line === undefined ? file : `${file}:${line}`)}`;
  const decided = review === undefined ? '' : ` (review: ${review})`;
  return [
    commentMark(repository, issue, comment),
    `> Written by ${quoted(author)} on ${createdAt}${where}${decided}.`,
    '',
    harmless(body),
  ].join('\n');
}

export function commentMark(repository: string, issue: Pick<Issue, 'number'>, comment: Pick<Comment, 'id'>): string {
  return markOf(repository, `issues/${issue.number}/comments/${encodeURIComponent(comment.id)}`);
}

/** In code nobody is called and nothing is linked. */
function quoted(text: string): string {
  return `\`${text.replace(/[`\p{Cc}]/gu, '')}\``;
}
