import { isObject, listIn, optionalText } from './documents.ts';
import type { JsonObject } from './forge.ts';
import { visibilityOf } from './gitlab.ts';
import { mustNumber, mustText, texts, within } from './gitlab-json.ts';
import { filesOf } from './gitlab-release.ts';
import type { StoredDocument } from './layout.ts';
import type { Comment, DocumentReader, Issue, Milestone, Pull, Release, RepositoryView, Variable } from './view.ts';
import { text } from './view-parts.ts';

/** Reads documents as GitLab's API gave them. Where only part of one is missing, the rest is read. */
export const gitlabReader: DocumentReader = {
  kind: 'gitlab',
  repository: ({ object: project }) => repository(project),
  issue: ({ object }) => ({ ...conversation(inside(object, 'issue')), comments: comments(object) }),
  pull: ({ object }) => pull(inside(object, 'merge_request'), object),
  label: ({ object: label }) => ({
    name: mustText(label, 'name'),
    color: color(mustText(label, 'color')),
    description: text(label, 'description'),
  }),
  milestone: ({ object: milestone }) => milestoneOf(milestone),
  release: ({ object: release }) => releaseOf(release),
  variable: (document) => variable(document),
};

function repository(project: JsonObject): RepositoryView {
  const defaultBranch = optionalText(project, 'default_branch');
  const topics = texts(project, 'topics');
  return {
    path: mustText(project, 'path_with_namespace'),
    description: text(project, 'description'),
    visibility: visibilityOf(project),
    archived: project['archived'] === true,
    ...(defaultBranch === undefined ? {} : { defaultBranch }),
    // Named so before GitLab 14.0.
    topics: topics.length > 0 ? topics : texts(project, 'tag_list'),
    hasIssues: isOn(project, 'issues'),
    hasWiki: isOn(project, 'wiki'),
  };
}

function isOn(project: JsonObject, feature: string): boolean {
  return (
    (optionalText(project, `${feature}_access_level`) ?? 'enabled') !== 'disabled' &&
    project[`${feature}_enabled`] !== false
  );
}

/** What issues and merge requests have in common. */
function conversation(of: JsonObject): Omit<Issue, 'comments'> {
  const closedAt = optionalText(of, 'closed_at');
  const milestone = optionalText(within(of, 'milestone'), 'title');
  return {
    number: mustNumber(of, 'iid'),
    title: text(of, 'title'),
    body: text(of, 'description'),
    state: stateOf(text(of, 'state')),
    author: login(within(of, 'author')),
    createdAt: text(of, 'created_at'),
    ...(closedAt === undefined ? {} : { closedAt }),
    labels: labels(of),
    ...(milestone === undefined ? {} : { milestone }),
    assignees: listIn(of, 'assignees').map(login),
    url: text(of, 'web_url'),
  };
}

/** `locked` is being merged. */
function stateOf(state: string): 'open' | 'closed' {
  return ['closed', 'merged', 'locked'].includes(state) ? 'closed' : 'open';
}

function pull(request: JsonObject, document: JsonObject): Pull {
  const mergedAt = optionalText(request, 'merged_at');
  const head = optionalText(request, 'sha');
  const base = optionalText(within(request, 'diff_refs'), 'base_sha');
  const all = [...comments(document), ...approvals(request, document)].sort(byTime);
  const common = conversation(request);
  return {
    ...common,
    ...(common.closedAt === undefined && mergedAt !== undefined ? { closedAt: mergedAt } : {}),
    comments: all,
    // Of another project GitLab tells the number only.
    from: { branch: text(request, 'source_branch'), ...(head === undefined ? {} : { commit: head }) },
    into: { branch: text(request, 'target_branch'), ...(base === undefined ? {} : { commit: base }) },
    ...(mergedAt === undefined ? {} : { mergedAt }),
    draft: request['draft'] === true || request['work_in_progress'] === true,
  };
}

function inside(document: JsonObject, name: string): JsonObject {
  const found = document[name];
  if (isObject(found)) return found;
  throw new TypeError(`the document has no ${name}`);
}

/** What people wrote; what GitLab noted itself (`system`) is no comment. */
function comments(of: JsonObject): Comment[] {
  return listIn(of, 'discussions')
    .flatMap((discussion) => listIn(discussion, 'notes'))
    .filter((note) => note['system'] !== true)
    .map((note): Comment => {
      const position = within(note, 'position');
      const file = optionalText(position, 'new_path') ?? optionalText(position, 'old_path');
      const line = position['new_line'] ?? position['old_line'];
      return {
        id: String(mustNumber(note, 'id')),
        author: login(within(note, 'author')),
        createdAt: text(note, 'created_at'),
        body: text(note, 'body'),
        ...(file === undefined ? {} : { file }),
        ...(typeof line === 'number' ? { line } : {}),
      };
    })
    .sort(byTime);
}

const APPROVED = 'approved this merge request';

/** Who approves now. Older versions tell when only in a note of their own. */
function approvals(request: JsonObject, document: JsonObject): Comment[] {
  const notes = listIn(document, 'discussions')
    .flatMap((discussion) => listIn(discussion, 'notes'))
    .filter((note) => note['system'] === true && note['body'] === APPROVED);
  return listIn(within(document, 'approvals'), 'approved_by').flatMap((approval): Comment[] => {
    const author = login(within(approval, 'user'));
    const note = notes.findLast((one) => login(within(one, 'author')) === author);
    const createdAt =
      optionalText(approval, 'approved_at') ??
      (note && optionalText(note, 'created_at')) ??
      mustText(request, 'updated_at');
    return [{ id: `approval ${author}`, author, createdAt, body: '', review: 'approved' }];
  });
}

function byTime(a: Comment, b: Comment): number {
  return a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0;
}

function labels(of: JsonObject): readonly string[] {
  const value = of['labels'];
  if (!Array.isArray(value)) return [];
  // Objects where the details were asked for.
  return value.flatMap((one) => (typeof one === 'string' ? [one] : isObject(one) ? [mustText(one, 'name')] : []));
}

/** A user who was deleted is GitLab's ghost, and has a name all the same. */
function login(user: JsonObject): string {
  return optionalText(user, 'username') ?? optionalText(user, 'name') ?? 'unknown';
}

/** Names of colours in CSS that GitLab takes come back as hexadecimal; of three digits each stands for two. */
function color(said: string): string {
  const digits = said.replace(/^#/, '').toLowerCase();
  if (/^[0-9a-f]{6}$/.test(digits)) return digits;
  if (/^[0-9a-f]{3}$/.test(digits)) return digits.replace(/./g, '$&$&');
  throw new TypeError(`GitLab's colour "${said}" is none`);
}

function milestoneOf(milestone: JsonObject): Milestone {
  const dueAt = optionalText(milestone, 'due_date');
  return {
    title: mustText(milestone, 'title'),
    description: text(milestone, 'description'),
    state: text(milestone, 'state') === 'closed' ? 'closed' : 'open',
    ...(dueAt === undefined ? {} : { dueAt }),
  };
}

function releaseOf(release: JsonObject): Release {
  const tag = mustText(release, 'tag_name');
  return {
    tag,
    name: optionalText(release, 'name') ?? tag,
    body: text(release, 'description'),
    // GitLab has neither; a release whose day is to come it calls upcoming.
    draft: false,
    prerelease: release['upcoming_release'] === true,
    createdAt: text(release, 'created_at'),
    assets: filesOf(release).map(({ link }) => mustText(link, 'name')),
  };
}

function variable({ collection, object: of }: StoredDocument): Variable {
  // A secure file: known here by its name, its content beside the document.
  if (collection === 'secrets') return { name: mustText(of, 'name'), file: true };
  const value = optionalText(of, 'value');
  const scope = optionalText(of, 'environment_scope');
  return {
    name: mustText(of, 'key'),
    // Absent when hidden: GitLab then gives it to nobody.
    ...(value === undefined ? {} : { value }),
    ...(scope === undefined || scope === '*' ? {} : { environment: scope }),
    protected: of['protected'] === true,
    masked: of['masked'] === true,
    file: of['variable_type'] === 'file',
  };
}
