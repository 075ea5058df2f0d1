import { type Deed, deed, NOTHING, type Recogniser, text } from './deed.ts';
import { isObject, type JsonObject } from './format.ts';
import { within } from './format-one.ts';

/** Events of platforms that run applications and their databases. */
export const platform: Recogniser = (value) => {
  for (const recognise of PLATFORMS) {
    const known = recognise(value);
    if (known !== undefined) return [known];
  }
  return NOTHING;
};

type OfPlatform = (value: JsonObject) => Deed | undefined;

/** https://vercel.com/docs/webhooks/webhooks-api */
const vercel: OfPlatform = (value) => {
  const { type, payload } = value;
  if (typeof type !== 'string' || !/^[a-z-]+(?:\.[a-z-]+)+$/.test(type)) return undefined;
  if (!isObject(payload) || typeof value['createdAt'] !== 'number') return undefined;
  return known('vercel', type, value, { by: [within(payload, 'user')['id']] });
};

/** https://docs.databricks.com/aws/en/admin/account-settings/audit-logs; in Azure's log with capitals. */
const databricks: OfPlatform = (value) => {
  const operation = text(value['actionName']) ?? text(value['ActionName']);
  if (operation === undefined || text(value['serviceName'] ?? value['ServiceName']) === undefined) return undefined;
  const identity = value['userIdentity'] ?? value['Identity'];
  const response = value['response'] ?? value['Response'];
  return known('databricks', operation, value, {
    by: [isObject(identity) ? identity['email'] : identity],
    through: [value['userAgent'], value['UserAgent']],
    refused: isObject(response) && isClientError(response['statusCode']),
  });
};

/** https://neon.com/docs/manage/operations */
const neon: OfPlatform = (value) => {
  const operation = text(value['action']);
  const isOne = text(value['project_id']) !== undefined && text(value['status']) !== undefined;
  return operation !== undefined && isOne ? known('neon', operation, value) : undefined;
};

/** An entry of a workspace's audit log, which Railway lets be read but does not send; https://docs.railway.com/reference/audit-logs */
const railway: OfPlatform = (value) => {
  const operation = text(value['eventType']);
  const isOne = text(value['workspaceId']) !== undefined || isObject(value['workspace']);
  return operation !== undefined && isOne ? known('railway', operation, value) : undefined;
};

const PLATFORMS: readonly OfPlatform[] = [vercel, databricks, neon, railway];

function known(name: string, operation: string, value: JsonObject, facts: Parameters<typeof deed>[2] = {}): Deed {
  return deed('platform', { ...value, portcullis: { platform: name, operation } }, { ...facts, origin: value });
}

function isClientError(code: unknown): boolean {
  return Number(code) >= 400 && Number(code) < 500;
}
