/** What one part of GitHub's API takes, and what it means when there is nothing to be found. */
export interface Need {
  /** Of a fine-grained token, in GitHub's words. */
  readonly permission: string;
  /** Of a classic token. */
  readonly scope: string;
  /** 404: `hidden` from whoever may not see it, or `off` when it is not used or this edition does not have it. */
  readonly missing: 'hidden' | 'off' | 'absent';
}

const REPOSITORY = String.raw`/(?:repos/[^/]+/[^/]+|repositories/\d+)`;
const ORGANISATION = String.raw`/(?:orgs/[^/]+|organizations/\d+)`;

/**
 * By the path of a request, the first that fits. Source: docs.github.com/rest, "Permissions required for fine-grained personal access
 * tokens" and the description of each operation. There is no permission to only read the names of Codespaces secrets,
 * nor an organisation's rulesets; and none for packages.
 */
const NEEDS: readonly (readonly [RegExp, Need])[] = [
  [repository('environments/[^/]+/(?:variables|secrets)'), hidden('Environments: read', 'repo')],
  [repository('environments'), { permission: 'Actions: read', scope: 'repo', missing: 'off' }],
  [repository('actions/variables'), hidden('Variables: read', 'repo')],
  [repository('actions/secrets'), hidden('Secrets: read', 'repo')],
  [repository('dependabot/secrets'), hidden('Dependabot secrets: read', 'repo')],
  [repository('codespaces/secrets'), hidden('Codespaces secrets: write', 'repo')],
  [repository('hooks'), hidden('Webhooks: read', 'read:repo_hook')],
  [repository('(?:keys|autolinks|teams|actions/permissions)'), hidden('Administration: read', 'repo')],
  [repository('branches/[^/]+/protection'), hidden('Administration: read', 'repo')],
  [repository('collaborators'), hidden('Metadata: read', 'repo and read:org')],
  [repository('rulesets'), { permission: 'Metadata: read', scope: 'repo', missing: 'off' }],
  [repository('actions'), { permission: 'Actions: read', scope: 'repo', missing: 'off' }],
  [repository('pages'), { permission: 'Pages: read', scope: 'repo', missing: 'off' }],
  [repository('(?:issues|labels|milestones)'), plain('Issues: read', 'repo')],
  [repository('pulls'), plain('Pull requests: read', 'repo')],
  [repository('(?:releases|branches|git)'), plain('Contents: read', 'repo')],
  [organisation('actions/variables'), hidden('Variables: read (of the organisation)', 'admin:org')],
  [organisation('actions/secrets'), hidden('Secrets: read (of the organisation)', 'admin:org')],
  [organisation('dependabot/secrets'), hidden('Organization dependabot secrets: read', 'admin:org')],
  [organisation('codespaces/secrets'), hidden('Organization codespaces secrets: read', 'admin:org')],
  [organisation('hooks'), hidden('Webhooks: read (of the organisation)', 'admin:org_hook')],
  [organisation('rulesets'), hidden('Administration: write (of the organisation)', 'admin:org')],
  [organisation('actions/permissions'), hidden('Administration: read (of the organisation)', 'admin:org')],
  [organisation('(?:members|outside_collaborators|teams)'), hidden('Members: read', 'read:org')],
  [/\/projectsV2\b/, { permission: 'Projects: read', scope: 'read:project', missing: 'off' }],
  [/\/packages\b/, { permission: 'none: it must be a classic one', scope: 'read:packages', missing: 'off' }],
];

export function needAt(path: string): Need | undefined {
  return NEEDS.find(([at]) => at.test(path))?.[1];
}

/** In words: `the permission Webhooks: read (fine-grained token) or the scope read:repo_hook (classic)`. */
export function inWords({ permission, scope, missing }: Need): string {
  const role = missing === 'hidden' ? ', of a user who administers it' : '';
  return `the permission ${permission} (fine-grained token) or the scope ${scope} (classic)${role}`;
}

function repository(rest: string): RegExp {
  return new RegExp(`${REPOSITORY}/${rest}(?:/|$)`);
}

function organisation(rest: string): RegExp {
  return new RegExp(`${ORGANISATION}/${rest}(?:/|$)`);
}

function hidden(permission: string, scope: string): Need {
  return { permission, scope, missing: 'hidden' };
}

function plain(permission: string, scope: string): Need {
  return { permission, scope, missing: 'absent' };
}
