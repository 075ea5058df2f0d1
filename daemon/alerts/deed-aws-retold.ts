import { NOTHING, type Recogniser, text } from './deed.ts';
import { awsDeed } from './deed-aws.ts';
import type { JsonObject } from './format.ts';
import { within } from './format-one.ts';

const SERVICE = /\.amazonaws\.com(?:\.cn)?$/;

/** Calls of Amazon's interface as others retell them: put together anew with CloudTrail's keys. */
export const awsRetold: Recogniser = (value) => {
  const record = ofOcsf(value) ?? ofFinding(value) ?? ofSentinel(value);
  return record === undefined ? NOTHING : awsDeed(record, value);
};

/** `api` of OCSF, in API Activity and in the evidences of a finding. https://schema.ocsf.io/1.3.0/objects/api */
function ofOcsf(event: JsonObject): JsonObject | undefined {
  const api = within(event, 'api');
  const service = within(api, 'service')['name'];
  if (!isService(service) || text(api['operation']) === undefined) return undefined;
  const unmapped = within(event, 'unmapped');
  const user = within(within(event, 'actor'), 'user');
  const requestParameters = within(api, 'request')['data'] ?? unmapped['requestParameters'];
  const errorCode = text(within(api, 'response')['error']);
  return {
    eventSource: service,
    eventName: api['operation'],
    ...(requestParameters !== undefined && requestParameters !== null && { requestParameters }),
    userIdentity: { type: user['type'], arn: user['uid'], principalId: user['uid_alt'], userName: user['name'] },
    userAgent: within(event, 'http_request')['user_agent'],
    sourceIPAddress: within(event, 'src_endpoint')['ip'],
    ...(errorCode !== undefined && { errorCode }),
    portcullis: { from: 'ocsf' },
  };
}

/**
 * The call in a finding of GuardDuty, or, with capitals, of Security Hub.
 * https://docs.aws.amazon.com/guardduty/latest/APIReference/API_AwsApiCallAction.html
 */
function ofFinding(action: JsonObject): JsonObject | undefined {
  const eventSource = action['serviceName'] ?? action['ServiceName'];
  const eventName = action['api'] ?? action['Api'];
  if (!isService(eventSource) || text(eventName) === undefined) return undefined;
  const errorCode = text(action['errorCode'] ?? action['ErrorCode']);
  const agent = action['userAgent'] ?? action['UserAgent'];
  return {
    eventSource,
    eventName,
    userAgent: agent,
    ...(errorCode !== undefined && { errorCode }),
    portcullis: { from: 'finding' },
  };
}

/**
 * A row of the table AWSCloudTrail of Microsoft Sentinel, whose parameters are JSON in text.
 * https://learn.microsoft.com/en-us/azure/azure-monitor/reference/tables/awscloudtrail
 */
function ofSentinel(row: JsonObject): JsonObject | undefined {
  if (!isService(row['EventSource']) || text(row['EventName']) === undefined) return undefined;
  return {
    eventSource: row['EventSource'],
    eventName: row['EventName'],
    requestParameters: parsed(row['RequestParameters']),
    userIdentity: { type: row['UserIdentityType'], arn: row['UserIdentityArn'], userName: row['UserIdentityUserName'] },
    userAgent: row['UserAgent'],
    sourceIPAddress: row['SourceIpAddress'],
    errorCode: row['ErrorCode'],
    portcullis: { from: 'sentinel' },
  };
}

function parsed(json: unknown): unknown {
  try {
    return typeof json === 'string' ? JSON.parse(json) : json;
  } catch {
    return json;
  }
}

export function isService(name: unknown): name is string {
  return typeof name === 'string' && SERVICE.test(name);
}
