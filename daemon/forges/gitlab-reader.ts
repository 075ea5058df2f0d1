import { listIn, objectIn, optionalText, textOf } from './documents.ts';
import type { JsonObject } from './forge.ts';
import type { StoredDocument } from './layout.ts';
import type { Comment, DocumentReader, Issue, Variable } from './view.ts';
import { datesOf, namesIn, number, text } from './view-parts.ts';

/** Reads what `gitlab.ts` has put together. */
export const gitlabReader: DocumentReader = {
  kind: 'gitlab',
  repository({ object }) {
    const branch = optionalText(object, 'default_branch');
    const visibility = optionalText(object, 'visibility');
    return {
      path: textOf(object, 'path_with_namespace'),
      description: text(object, 'description'),
      visibility: visibility === 'public' || visibility === 'internal' ? visibility : 'private',
      archived: object['archived'] === true,
      ...(branch === undefined ? {} : { defaultBranch: branch }),
      topics: namesIn(object, 'topics', 'name'),
      hasIssues: object['issues_access_level'] !== 'disabled' && object['issues_enabled'] !== false,
      hasWiki: object['wiki_access_level'] !== 'disabled' && object['wiki_enabled'] !== false,
    };
  },
  issue: ({ object }) => issueOf(inside(object, 'issue'), object),
  pull({ object }) {
    const request = inside(object, 'merge_request');
    const mergedAt = optionalText(request, 'merged_at');
    const sha = optionalText(request, 'sha');
    return {
      ...issueOf(request, object),
      from: { branch: text(request, 'source_branch'), ...(sha === undefined ? {} : { commit: sha }) },
      into: { branch: text(request, 'target_branch') },
      ...(mergedAt === undefined ? {} : { mergedAt }),
      draft: request['draft'] === true,
    };
  },
  label: ({ object }) => ({
    name: textOf(object, 'name'),
    color: text(object, 'color').replace(/^#/, ''),
    description: text(object, 'description'),
  }),
  milestone({ object }) {
    const dueAt = optionalText(object, 'due_date');
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
    body: text(object, 'description'),
    draft: false,
    prerelease: object['upcoming_release'] === true,
    createdAt: text(object, 'created_at'),
    assets: listIn(objectIn(object, 'assets') ?? {}, 'links').map(
      (link) => `${textOf(link, 'id')}-${textOf(link, 'name')}`,
    ),
  }),
  variable({ object }: StoredDocument): Variable {
    const value = optionalText(object, 'value');
    const scope = optionalText(object, 'environment_scope');
    return {
      name: textOf(object, 'key'),
      ...(value === undefined ? {} : { value }),
      ...(scope === undefined || scope === '*' ? {} : { environment: scope }),
      ...(object['protected'] === true ? { protected: true } : {}),
      ...(object['masked'] === true ? { masked: true } : {}),
      ...(object['variable_type'] === 'file' ? { file: true } : {}),
    };
  },
};

function issueOf(issue: JsonObject, document: JsonObject): Issue {
  const milestone = optionalText(objectIn(issue, 'milestone') ?? {}, 'title');
  return {
    number: number(issue, 'iid'),
    title: text(issue, 'title'),
    body: text(issue, 'description'),
    state: issue['state'] === 'opened' ? 'open' : 'closed',
    author: username(issue),
    ...datesOf(issue),
    labels: namesIn(issue, 'labels', 'name'),
    ...(milestone === undefined ? {} : { milestone }),
    assignees: namesIn(issue, 'assignees', 'username'),
    comments: notesOf(document),
    url: text(issue, 'web_url'),
  };
}

/** What people said. What GitLab itself notes ("changed the description") stays in the document. */
function notesOf(document: JsonObject): Comment[] {
  return listIn(document, 'discussions')
    .flatMap((discussion) => listIn(discussion, 'notes'))
    .filter((note) => note['system'] !== true)
    .map((note): Comment => {
      const position = objectIn(note, 'position');
      const file = position && (optionalText(position, 'new_path') ?? optionalText(position, 'old_path'));
      const line = position?.['new_line'] ?? position?.['old_line'];
      return {
        id: textOf(note, 'id'),
        author: username(note),
        createdAt: text(note, 'created_at'),
        body: text(note, 'body'),
        ...(file === undefined ? {} : { file }),
        ...(typeof line === 'number' ? { line } : {}),
      };
    })
    .sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
}

function username(object: JsonObject): string {
  return optionalText(objectIn(object, 'author') ?? {}, 'username') ?? 'ghost';
}

function inside(object: JsonObject, name: string): JsonObject {
  const found = objectIn(object, name);
  if (found === undefined) throw new TypeError(`the document has no ${name}`);
  return found;
}
