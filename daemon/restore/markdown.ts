import type { Comment, Issue, Pull } from '../forges/view.ts';

/** Where a document came from, for its head. */
export interface Origin {
  readonly repository: string;
  /** RFC 3339: of the snapshot. */
  readonly asOf: string;
  /** RFC 3339: since when the forge has not had it any more. */
  readonly gone?: string;
}

/**
 * An issue, or a pull request, as Markdown: front matter in YAML, the text, the comments in the order of time. What somebody
 * wrote stands in block quotes, line by line, so that no text can pass for a heading, a comment or the front matter of this page.
 */
export function issueMarkdown(issue: Issue, origin: Origin): string {
  return page(issue, origin, 'issue', []);
}

/** As `issueMarkdown`. */
export function pullMarkdown(pull: Pull, origin: Origin): string {
  const { from, into, mergedAt, draft } = pull;
  return page(pull, origin, 'pull', [
    ['from', from.repository === undefined ? from.branch : `${from.repository}:${from.branch}`],
    ['fromCommit', from.commit],
    ['into', into.branch],
    ['intoCommit', into.commit],
    ['draft', draft],
    ['mergedAt', mergedAt],
  ]);
}

type Field = readonly [string, string | number | boolean | readonly string[] | undefined];

function page(issue: Issue, origin: Origin, kind: string, more: readonly Field[]): string {
  const fields: Field[] = [
    ['kind', kind],
    ['repository', origin.repository],
    ['number', issue.number],
    ['title', issue.title],
    ['state', issue.state],
    ['author', issue.author],
    ['createdAt', issue.createdAt],
    ['closedAt', issue.closedAt],
    ['labels', issue.labels],
    ['milestone', issue.milestone],
    ['assignees', issue.assignees],
    ['url', issue.url],
    ...more,
    ['asOf', origin.asOf],
    ['goneSince', origin.gone],
  ];
  const head = fields.flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${yaml(value)}`]));
  const comments = issue.comments.map((comment) => `## ${headOf(comment)}\n\n${quote(comment.body)}`);
  return `${[
    `---\n${head.join('\n')}\n---`,
    `# ${line(issue.title)} (#${issue.number})`,
    quote(issue.body),
    ...comments,
  ]
    .filter((part) => part !== '')
    .join('\n\n')}\n`;
}

function headOf({ author, createdAt, file, line: at, review }: Comment): string {
  const where = file === undefined ? '' : ` on ${line(file)}${at === undefined ? '' : `, line ${at}`}`;
  return `${line(author)}, ${line(createdAt)}${where}${review === undefined ? '' : ` (${review})`}`;
}

/** A JSON string is a YAML string in double quotes, once the line breaks that only YAML knows are escaped too. */
function yaml(value: Exclude<Field[1], undefined>): string {
  if (typeof value === 'object') return `[${value.map(yaml).join(', ')}]`;
  if (typeof value !== 'string') return String(value);
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Text in one line that Markdown shows as it is. */
function line(text: string): string {
  return text
    .replace(/[\s\p{Cc}\u2028\u2029]+/gu, ' ')
    .replace(/[\\`*_{}[\]<>#|!~&]/g, (character) => `\\${character}`)
    .trim();
}

function quote(text: string): string {
  if (text.trim() === '') return '';
  return text
    .replace(/\s+$/, '')
    .split(/\r\n|\r|\n/)
    .map((one) => (one === '' ? '>' : `> ${one}`))
    .join('\n');
}
