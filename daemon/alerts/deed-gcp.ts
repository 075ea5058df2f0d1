import { type Deed, deed, NOTHING, type Recogniser, text } from './deed.ts';
import { isObject, type JsonObject } from './format.ts';
import { within } from './format-one.ts';

/**
 * An entry of Google Cloud's audit logs. Its payload alone is none: rules also look at what stands beside it.
 * https://cloud.google.com/logging/docs/reference/audit/auditlog/rest/Shared.Types/AuditLog
 */
export const gcp: Recogniser = (value) =>
  isPayload(value['protoPayload']) ? gcpDeed(value, value['protoPayload']) : NOTHING;

/** What `entry` says was done according to its `payload`. */
export function gcpDeed(entry: JsonObject, payload: JsonObject, origin: object = entry): readonly Deed[] {
  const { code } = within(payload, 'status');
  return [
    deed('gcp', entry, {
      by: [within(payload, 'authenticationInfo')['principalEmail']],
      through: [within(payload, 'requestMetadata')['callerSuppliedUserAgent']],
      // A code of google.rpc: 0 is OK, and left out.
      refused:
        (typeof code === 'number' && code !== 0) || (typeof code === 'string' && !['', '0', 'OK'].includes(code)),
      origin,
    }),
  ];
}

function isPayload(value: unknown): value is JsonObject {
  return isObject(value) && text(value['methodName']) !== undefined && text(value['serviceName']) !== undefined;
}
