import { isObject, listIn, textOf } from './documents.ts';
import { type Collection, type CollectionName, ForgeError, type JsonObject, type ReadContext } from './forge.ts';
import type { GitlabApi } from './gitlab-api.ts';
import { known, type List, listed, plainAsk, single, whole, without } from './gitlab-collection.ts';
import { idOf, iidOf, nameOf, variableDocumentKey, withoutTokens } from './gitlab-json.ts';
import { all } from './gitlab-pages.ts';
import type { Part } from './gitlab-parts.ts';

const MEMBER = 'membership of the group';
const MAINTAINER = 'the role Maintainer of the group';
const OWNER = 'the role Owner of the group';

/** Whose repositories are read. */
export type Owner =
  /** With the groups within it, at any depth; the group itself first. */
  | { readonly kind: 'group'; readonly id: string; readonly groups: readonly JsonObject[] }
  | { readonly kind: 'user'; readonly id: string; readonly user: JsonObject };

/** Finds the group of that path, or the user of that name. Rejects with `ForgeError`, `absent` where there is neither. */
export async function findOwner(api: GitlabApi, name: string, context: ReadContext): Promise<Owner> {
  const group = await groupOf(api, name, context);
  if (group !== undefined) {
    const id = idOf(group);
    const ask = plainAsk(`groups within ${name}`, context, MEMBER);
    const within = await all(api, `groups/${id}/descendant_groups`, { order_by: 'id', sort: 'asc' }, ask);
    return { kind: 'group', id, groups: [group, ...within] };
  }
  const [user] = await all(api, 'users', { username: name }, plainAsk(`user ${name}`, context));
  if (user === undefined) throw new ForgeError({ kind: 'absent' }, `GitLab shows this token no group or user ${name}`);
  return { kind: 'user', id: idOf(user), user };
}

async function groupOf(api: GitlabApi, name: string, context: ReadContext): Promise<JsonObject | undefined> {
  const ask = plainAsk(`group ${name}`, context, MEMBER);
  try {
    const { json } = await api.get(api.url(`groups/${encodeURIComponent(name)}`, { with_projects: false }), ask);
    if (isObject(json)) return json;
    throw new ForgeError({ kind: 'failed' }, `asked for ${ask.what}, the server answered with something else`);
  } catch (error) {
    if (error instanceof ForgeError && error.refusal.kind === 'absent') return undefined;
    throw error;
  }
}

type GroupList = Omit<List, 'what'> & { readonly alone?: boolean };

/**
 * What belongs to the group and to each group within it. Keys of what belongs to one within begin with its path and a colon,
 * which stands in no path.
 */
export function ownerCollections(
  api: GitlabApi,
  find: (context: ReadContext) => Promise<Owner>,
): readonly Collection<undefined>[] {
  const ofGroups = (name: CollectionName, parts: (of: OfGroup) => readonly Part[], secret = false) =>
    whole<undefined>(
      name,
      async (_of, context) => {
        const owner = await find(context);
        if (owner.kind === 'user') return [without(`a user has no ${name} of their own`)];
        return owner.groups.flatMap((group, index) => parts({ api, context, name, secret, group, top: index === 0 }));
      },
      secret,
    );
  // The rest belongs to projects only.
  return [
    ofGroups('labels', (of) => [
      lists(of, 'labels', {
        query: { only_group_labels: true, include_ancestor_groups: false },
        role: MEMBER,
        key: nameOf,
      }),
    ]),
    ofGroups('milestones', (of) => [lists(of, 'milestones', { role: MEMBER, key: iidOf })]),
    ofGroups('variables', (of) => [lists(of, 'variables', { role: OWNER, key: variableDocumentKey })], true),
    ofGroups('protection', (of) => [
      lists(of, 'protected_branches', { role: OWNER, key: (one) => `branch/${nameOf(one)}`, optional: true }),
      lists(of, 'protected_environments', {
        role: MAINTAINER,
        key: (one) => `environment/${nameOf(one)}`,
        optional: true,
      }),
    ]),
    ofGroups('rulesets', (of) => [
      lists(of, 'push_rule', { role: OWNER, key: () => 'push', optional: true, alone: true }),
    ]),
    ofGroups('webhooks', (of) => [lists(of, 'hooks', { role: OWNER, key: idOf, optional: true })], true),
    ofGroups('keys', (of) => [
      lists(of, 'deploy_tokens', { role: MAINTAINER, key: (one) => `deploy token ${one['id']}` }),
      lists(of, 'access_tokens', { role: OWNER, key: (one) => `access token ${one['id']}`, optional: true }),
    ]),
    ofGroups('members', (of) => [lists(of, 'members', { role: MEMBER, key: (one) => textOf(one, 'username') })]),
    ofGroups('teams', (of) => [
      detail(of, (group) =>
        listIn(group, 'shared_with_groups').map((one) => ({ key: textOf(one, 'group_full_path'), object: one })),
      ),
    ]),
    ofGroups('projects', (of) => [
      lists(of, 'boards', { role: MEMBER, key: (one) => `board ${one['id']}`, optional: true }),
      lists(of, 'epics', {
        query: { include_descendant_groups: false, include_ancestor_groups: false },
        role: MEMBER,
        key: (one) => `epic ${one['iid']}`,
        optional: true,
        complete: async (epic, ask) => {
          const path = `groups/${of.group['id']}/epics/${epic['id']}/discussions`;
          return { key: `epic ${epic['iid']}`, object: { ...epic, discussions: await all(api, path, {}, ask) } };
        },
      }),
    ]),
    whole<undefined>('settings', async (_of, context) => {
      const owner = await find(context);
      if (owner.kind === 'user') return [known([{ key: 'user', object: owner.user }])];
      return owner.groups.map((group, index) =>
        detail({ api, context, name: 'settings', secret: false, group, top: index === 0 }, (object) => [
          { key: 'group', object },
        ]),
      );
    }),
  ];
}

interface OfGroup {
  readonly api: GitlabApi;
  readonly context: ReadContext;
  readonly name: CollectionName;
  readonly secret: boolean;
  readonly group: JsonObject;
  /** It is the group that was asked for, not one within. */
  readonly top: boolean;
}

function lists(of: OfGroup, path: string, list: Omit<GroupList, 'path'>): Part {
  const full: List = {
    ...list,
    path: `groups/${of.group['id']}/${path}`,
    what: `${of.name} of group ${textOf(of.group, 'full_path')}`,
    secret: of.secret,
  };
  return within(of, list.alone === true ? single(of.api, full, of.context) : listed(of.api, full, of.context));
}

function detail(of: OfGroup, take: (group: JsonObject) => readonly { key: string; object: JsonObject }[]): Part {
  const { path, what } = {
    path: `groups/${of.group['id']}`,
    what: `settings of group ${textOf(of.group, 'full_path')}`,
  };
  const part = single(
    of.api,
    { path, query: { with_projects: false }, what, role: MEMBER, key: () => 'group' },
    of.context,
  );
  return within(of, {
    async *read() {
      for await (const documents of part.read()) yield documents.flatMap(({ object }) => take(withoutTokens(object)));
    },
  });
}

/** The same part, its keys beginning with the path of a group within. */
function within(of: OfGroup, part: Part): Part {
  if (of.top) return part;
  const path = textOf(of.group, 'full_path');
  return {
    ...part,
    async *read() {
      for await (const documents of part.read()) {
        yield documents.map((document) => ({ ...document, key: `${path}:${document.key}` }));
      }
    },
  };
}
