import { type Deed, NOTHING, type Recogniser, text } from './deed.ts';
import { isObject, type JsonObject } from './format.ts';

/**
 * A CloudTrail record, bare or as `detail` of an event of EventBridge.
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
 */
export const aws: Recogniser = (value) => {
  const { eventSource, eventName, userIdentity, errorCode, additionalEventData } = value;
  if (text(eventSource) === undefined || text(eventName) === undefined) return NOTHING;
  const identity: JsonObject = isObject(userIdentity) ? userIdentity : {};
  if (isPlatform(value, identity)) return NOTHING;
  const by = text(identity['arn']) ?? text(identity['principalId']) ?? text(identity['userName']);
  const through = text(value['userAgent']);
  const bearer = isObject(additionalEventData) ? additionalEventData['callWithBearerToken'] : undefined;
  const deed: Deed = {
    on: 'aws',
    root: value,
    ...(by !== undefined && { by }),
    ...(through !== undefined && { through }),
    ...((bearer === true || bearer === 'true') && { agent: true }),
    ...(text(errorCode) !== undefined && { refused: true }),
  };
  return [deed];
};

/**
 * What Amazon's services do by themselves as part of a life cycle: an expired recovery point, a snapshot of a backup plan.
 * The user agent says nothing here: whoever calls chooses it, and could call himself "AWS Internal".
 */
function isPlatform(record: JsonObject, identity: JsonObject): boolean {
  return identity['type'] === 'AWSService' || record['sourceIPAddress'] === 'backup.amazonaws.com';
}
