import { NOTHING, type Recogniser, text } from './deed.ts';
import { awsDeed } from './deed-aws.ts';
import { isService } from './deed-aws-retold.ts';
import { azureDeed } from './deed-azure.ts';
import { gcpDeed } from './deed-gcp.ts';
import { githubEntry } from './deed-github.ts';
import { isObject, type JsonObject } from './format.ts';
import { within } from './format-one.ts';

/**
 * A document of Elastic, whose integrations write what the platforms' logs say with the keys of the Elastic Common Schema:
 * `event.action` is what was done, `event.outcome` whether it was let happen. Put together anew with the platforms' keys.
 * https://www.elastic.co/docs/reference/ecs/ecs-event
 */
export const ecs: Recogniser = (value) => {
  const event = within(value, 'event');
  const action = text(event['action']);
  if (action === undefined) return NOTHING;
  const refused = event['outcome'] === 'failure';
  const retold = { portcullis: { from: 'elastic' } };
  if (isService(event['provider'])) {
    const trail = within(within(value, 'aws'), 'cloudtrail');
    const record = {
      eventSource: event['provider'],
      eventName: action,
      ...requestOf(trail),
      userIdentity: identityOf(value, trail),
      userAgent: within(value, 'user_agent')['original'],
      sourceIPAddress: within(value, 'source')['address'] ?? within(value, 'source')['ip'],
      ...(refused && { errorCode: text(trail['error_code']) ?? 'failure' }),
    };
    return awsDeed({ ...record, ...retold }, value);
  }
  const dataset = text(event['dataset']) ?? text(within(value, 'data_stream')['dataset']) ?? '';
  if (dataset === 'gcp.audit') {
    const audit = within(within(value, 'gcp'), 'audit');
    const payload = {
      methodName: action,
      serviceName: audit['service_name'] ?? within(value, 'service')['name'],
      resourceName: audit['resource_name'],
      authenticationInfo: { principalEmail: userOf(value) },
      requestMetadata: { callerSuppliedUserAgent: within(value, 'user_agent')['original'] },
      status: refused ? { code: 7 } : { code: 0 },
    };
    return gcpDeed({ protoPayload: payload, ...retold }, payload, value);
  }
  if (dataset.startsWith('azure.')) return azureDeed({ operationName: action, caller: userOf(value) }, action, refused);
  if (dataset === 'github.audit') {
    const rest = within(value, 'github');
    return githubEntry({ ...rest, action, actor: userOf(value) }, value, refused);
  }
  return NOTHING;
};

function requestOf(trail: JsonObject): JsonObject {
  const flattened = within(trail, 'flattened')['request_parameters'];
  const requestParameters = isObject(flattened) ? flattened : trail['request_parameters'];
  return requestParameters === undefined ? {} : { requestParameters };
}

function identityOf(value: JsonObject, trail: JsonObject): JsonObject {
  const { arn, type } = within(trail, 'user_identity');
  return { type, arn, userName: within(value, 'user')['name'] };
}

function userOf(value: JsonObject): unknown {
  const user = within(value, 'user');
  const client = within(within(value, 'client'), 'user');
  return user['email'] ?? user['name'] ?? client['email'] ?? client['id'] ?? user['id'];
}
