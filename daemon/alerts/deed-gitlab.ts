import { type Deed, deed, NOTHING, type Recogniser, text } from './deed.ts';
import { isObject, type JsonObject } from './format.ts';
import { within } from './format-one.ts';

/** What a push shows in place of a commit when there is none, as long as SHA-1 or SHA-256. */
const ZEROS = /^(?:0{40}|0{64})$/;
/** What all changes of a `repository_update` share. */
const SHARED = ['event_name', 'user_id', 'user_name', 'user_username', 'user_email', 'project_id', 'project'];

/**
 * A webhook of GitLab, a system hook, or an event of the audit stream. GitLab sends no webhook for a push that changes more
 * than three refs, but its system hook `repository_update` names all of them: each is a deed.
 */
export const gitlab: Recogniser = (value) => {
  const event = text(value['event_name']) ?? text(value['object_kind']) ?? ofAudit(value);
  if (event === undefined || !isOfGitlab(value)) return NOTHING;
  const { changes } = value;
  if (event !== 'repository_update' || !Array.isArray(changes)) return [gitlabDeed(value, event, value)];
  const shared = Object.fromEntries(SHARED.filter((key) => key in value).map((key) => [key, value[key]]));
  return changes
    .filter(isObject)
    .map(({ ref, before, after }) => ({ ...shared, ref, before, after }))
    .map((change) => gitlabDeed(change, event, change));
};

function gitlabDeed(body: JsonObject, event: string, origin: object): Deed {
  const { ref, after } = body;
  const branch = within(body, 'project')['default_branch'];
  const defaultBranch = text(branch) !== undefined && ref === `refs/heads/${branch}`;
  const deleted = typeof after === 'string' && ZEROS.test(after);
  const derived = { event, ...(defaultBranch && { defaultBranch }), ...(deleted && { deleted }) };
  return deed(
    'gitlab',
    { ...body, portcullis: derived },
    {
      by: [body['user_username'], body['user_name'], within(body, 'user')['username'], body['author_name']],
      origin,
    },
  );
}

function ofAudit(value: JsonObject): string | undefined {
  return 'entity_type' in value || 'author_name' in value ? text(value['event_type']) : undefined;
}

/** `event_name` and `object_kind` are words others use too. */
function isOfGitlab(value: JsonObject): boolean {
  return [
    'project_id',
    'project',
    'group_id',
    'user_id',
    'user',
    'object_attributes',
    'project_name',
    'entity_type',
    'author_name',
    'created_at',
    'key',
  ].some((key) => key in value);
}
