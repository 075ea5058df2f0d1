import { type Deed, deed, NOTHING, type Recogniser, text } from './deed.ts';
import type { JsonObject } from './format.ts';
import { says, within } from './format-one.ts';

/**
 * A CloudTrail record, bare or as `detail` of an event of EventBridge.
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
 */
export const aws: Recogniser = (value) =>
  text(value['eventSource']) === undefined || text(value['eventName']) === undefined ? NOTHING : awsDeed(value);

/** What `record`, which has the keys of CloudTrail, says was done. */
export function awsDeed(record: JsonObject, origin?: object): readonly Deed[] {
  const identity = within(record, 'userIdentity');
  if (isPlatform(record, identity)) return NOTHING;
  const bearer = within(record, 'additionalEventData')['callWithBearerToken'];
  return [
    deed('aws', record, {
      by: [identity['arn'], identity['principalId'], identity['userName']],
      through: [record['userAgent']],
      agent: bearer === true || bearer === 'true',
      refused: isError(record['errorCode']),
      ...(origin !== undefined && { origin }),
    }),
  ];
}

/** CloudTrail leaves `errorCode` out when there was none; what passes its records on may write so. */
function isError(code: unknown): boolean {
  return text(code) !== undefined && !says(code, 'success', 'none', 'null', '-');
}

/**
 * What Amazon's services do by themselves as part of a life cycle: an expired recovery point, a snapshot of a backup plan.
 * The user agent says nothing here: whoever calls chooses it, and could call himself "AWS Internal".
 */
function isPlatform(record: JsonObject, identity: JsonObject): boolean {
  return identity['type'] === 'AWSService' || record['sourceIPAddress'] === 'backup.amazonaws.com';
}
