import { type Deed, deed, NOTHING, type Recogniser, text } from './deed.ts';
import { isObject, type JsonObject } from './format.ts';
import { within } from './format-one.ts';

/** `protected_branch.policy_override`, the names of entries in GitHub's audit log. */
const ENTRY = /^[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+$/;
/** One of these is in every entry. */
const OF_ENTRY = ['actor', 'actor_id', 'org', 'org_id', 'repo', 'business', '_document_id'];

/**
 * The body of a webhook of GitHub, whose event the format found in a header; without one a push is still known by its keys.
 * Or an entry of the audit log, by whatever way it came.
 * https://docs.github.com/en/organizations/keeping-your-organization-secure/managing-security-settings-for-your-organization/audit-log-events-for-your-organization
 */
export const github: Recogniser = (value) => {
  const event = text(within(value, 'portcullis')['event']);
  if (event !== undefined && isBody(value)) return [ofWebhook(value, event)];
  if (isPush(value)) return [ofWebhook(value, 'push')];
  const { action } = value;
  const isEntry = typeof action === 'string' && ENTRY.test(action) && OF_ENTRY.some((key) => key in value);
  return isEntry ? githubEntry(value) : NOTHING;
};

/** What `entry`, which has the keys of the audit log, says was done. */
export function githubEntry(entry: JsonObject, origin: object = entry, refused = false): readonly Deed[] {
  return [
    deed(
      'github',
      { ...entry, portcullis: { event: 'audit' } },
      {
        by: [entry['actor'], entry['external_identity_username']],
        through: [entry['user_agent']],
        agent: entry['actor_is_agent'] === true,
        refused,
        origin,
      },
    ),
  ];
}

function ofWebhook(body: JsonObject, event: string): Deed {
  const sender = within(body, 'sender');
  const defaultBranch = isDefaultBranch(body);
  return deed(
    'github',
    { ...body, portcullis: { event, ...(defaultBranch && { defaultBranch }) } },
    {
      by: [sender['login'], within(body, 'pusher')['name']],
      origin: body,
    },
  );
}

function isBody(value: JsonObject): boolean {
  return ['sender', 'repository', 'organization', 'enterprise', 'installation', 'hook'].some((key) =>
    isObject(value[key]),
  );
}

function isPush(value: JsonObject): boolean {
  return (
    ['ref', 'before', 'after'].every((key) => text(value[key]) !== undefined) &&
    isObject(value['pusher']) &&
    isObject(value['repository'])
  );
}

/** A push names the whole ref; "delete" names the branch alone, and its kind beside it. */
function isDefaultBranch(body: JsonObject): boolean {
  const repository = within(body, 'repository');
  const { ref } = body;
  return [repository['default_branch'], repository['master_branch'], body['master_branch']].some(
    (name) =>
      text(name) !== undefined && (ref === `refs/heads/${name}` || (ref === name && body['ref_type'] === 'branch')),
  );
}
