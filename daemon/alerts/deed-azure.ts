import { type Deed, deed, firstText, NOTHING, type Recogniser, text } from './deed.ts';
import { isObject, type JsonObject } from './format.ts';
import { within } from './format-one.ts';

/** `MICROSOFT.COMPUTE/DISKS/DELETE`: a provider, a type, and what is done to it. */
const OPERATION = /^[a-z0-9]+(?:\.[a-z0-9]+)+\/\S+$/i;
const RESOURCE_KEYS = ['resourceId', 'ResourceId', '_ResourceId', 'resourceUri', 'resourceid'];
/** What Azure calls a call that it did not carry out, in whichever of the fields. */
const REFUSED =
  /^(?:fail|clienterror|forbidden|unauthori[sz]ed|authorizationfail|denied|conflict|notfound|badrequest|4\d\d\b)/i;

/**
 * An entry of Azure's activity log, as the log, Event Hubs, Event Grid, Log Analytics and an alert of Azure Monitor write
 * it, or of a resource's own log (`DeleteBlob`). A deletion is written when it starts and when it ends: it is a deed from
 * the start on. https://learn.microsoft.com/en-us/azure/azure-monitor/platform/activity-log-schema
 */
export const azure: Recogniser = (value) => {
  const names = [
    within(value, 'operationName')['value'],
    value['operationName'],
    value['OperationNameValue'],
    value['OperationName'],
    value['operation_name'],
  ];
  const operation = names.find((name) => typeof name === 'string' && OPERATION.test(name)) ?? ofResource(value, names);
  return typeof operation === 'string' ? azureDeed(value, operation) : NOTHING;
};

/** What `record` says was done by `operation`. */
export function azureDeed(record: JsonObject, operation: string, refused = isRefused(record)): readonly Deed[] {
  const identity = within(record, 'identity');
  const claims = within(identity, 'claims');
  const evidence = within(within(identity, 'authorization'), 'evidence');
  const properties = within(record, 'properties');
  return [
    deed(
      'azure',
      { ...record, portcullis: { operation: operation.toUpperCase() } },
      {
        by: [
          record['caller'],
          record['Caller'],
          properties['caller'],
          claims['http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn'],
          within(identity, 'requester')['upn'],
          evidence['principalId'],
          claims['appid'],
        ],
        through: [properties['userAgentHeader'], record['userAgentHeader'], record['UserAgentHeader']],
        refused,
        origin: record,
      },
    ),
  ];
}

/** A resource's own log names its operations freely, so there the resource must stand beside it. */
function ofResource(value: JsonObject, names: readonly unknown[]): string | undefined {
  const isOne = RESOURCE_KEYS.some((key) => /^\/(?:subscriptions|tenants)\//i.test(text(value[key]) ?? ''));
  return isOne ? firstText(names) : undefined;
}

function isRefused(record: JsonObject): boolean {
  const { status, properties } = record;
  const said = [
    record['resultType'],
    record['ResultType'],
    isObject(status) ? status['value'] : status,
    record['ActivityStatusValue'],
    record['statusCode'],
    record['StatusCode'],
    record['statusText'],
    record['StatusText'],
    isObject(properties) ? properties['statusCode'] : undefined,
  ];
  return said.some((word) => (typeof word === 'string' || typeof word === 'number') && REFUSED.test(String(word)));
}
