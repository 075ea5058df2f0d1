import { type Deed, deed, NOTHING, type Recogniser, text } from './deed.ts';
import { isObject, type JsonObject } from './format.ts';
import { within } from './format-one.ts';

/** `Impact:S3/AnomalousBehavior.Delete`. */
const GUARDDUTY = /^[A-Za-z]+:[A-Za-z0-9]+\/[\w.&!-]+$/;
/** Detection Finding, API Activity and Datastore Activity of OCSF. */
const CLASSES: ReadonlySet<unknown> = new Set([2004, 6003, 6005]);
const FAILURE = 2;

/** A finding of GuardDuty, Security Hub or Security Command Center, or an event of OCSF. */
export const finding: Recogniser = (value) => {
  if (CLASSES.has(value['class_uid'])) return [ofOcsf(value)];
  const { type, Types: types, category } = value;
  if (typeof type === 'string' && GUARDDUTY.test(type) && isGuardDuty(value))
    return [found(value, 'guardduty', [type])];
  if (Array.isArray(types) && text(value['ProductArn']) !== undefined) return [found(value, 'securityhub', types)];
  if (text(category) !== undefined && isOfCommandCenter(value)) return [found(value, 'scc', [category])];
  return NOTHING;
};

function found(
  value: JsonObject,
  from: string,
  types: readonly unknown[],
  facts: Parameters<typeof deed>[2] = {},
): Deed {
  const named = types.filter((type) => text(type) !== undefined);
  return deed('finding', { ...value, portcullis: { from, types: named } }, { ...facts, origin: value });
}

/** https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_finding-format.html */
function isGuardDuty(value: JsonObject): boolean {
  return ['service', 'Service', 'severity', 'Severity', 'accountId', 'AccountId'].some((key) => key in value);
}

/** https://cloud.google.com/security-command-center/docs/reference/rest/v1/organizations.sources.findings */
function isOfCommandCenter(value: JsonObject): boolean {
  return text(value['name'])?.includes('/findings/') === true || text(value['resourceName'])?.startsWith('//') === true;
}

/** https://schema.ocsf.io; a finding has no success, an activity has. */
function ofOcsf(event: JsonObject): Deed {
  const { types } = within(event, 'finding_info');
  const actor = within(event, 'actor');
  const user = within(actor, 'user');
  return found(event, 'ocsf', Array.isArray(types) ? types : [], {
    by: [user['uid'], user['name'], user['email_addr']],
    through: [within(event, 'http_request')['user_agent']],
    agent: isObject(actor['ai_agent']),
    refused: event['class_uid'] !== 2004 && event['status_id'] === FAILURE,
  });
}
