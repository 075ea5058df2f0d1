import { type Format, type Header, isObject, type JsonObject, notUnderstood, type Reading } from './format.ts';
import { objectInBase64 } from './format-base64.ts';
import { isText } from './format-one.ts';

const WHAT = 'a CloudEvent';

/**
 * Attributes that are looked for in headers, those of the specification and the operator's mark, which CloudEvents writes
 * without an underscore. Other extensions can be seen in the other two modes only.
 */
const ATTRIBUTES = ['id', 'source', 'type', 'specversion', 'subject', 'time', 'dataschema', 'airgapaction'] as const;

/**
 * CloudEvents over HTTP, version 1: structured, binary, or a batch, whose events are judged one by one. The root is in
 * each the structured form, with what was in base64 read. Data that is no JSON cannot be judged, so it is not understood.
 * https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md
 */
export const cloudevents: Format = (body, header) => {
  const type = header('content-type')?.trim().toLowerCase() ?? '';
  if (header('ce-specversion') !== undefined && !type.startsWith('application/cloudevents'))
    return binary(body, header);
  const all: readonly unknown[] = Array.isArray(body) ? body : [body];
  const known = all.filter(isEvent);
  if (known.length === 0) return notUnderstood(WHAT);
  const readings = known.map(structured);
  const unknown =
    readings.find((reading) => reading.unknown !== undefined)?.unknown ??
    (known.length < all.length ? `One of the body's items is not ${WHAT}.` : undefined);
  return { alerts: readings.flatMap(({ alerts }) => alerts), ...(unknown !== undefined && { unknown }) };
};

function isEvent(value: unknown): value is JsonObject {
  return isObject(value) && ['specversion', 'type', 'source', 'id'].every((key) => isText(value[key]));
}

function structured(event: JsonObject): Reading {
  if (event['data_base64'] === undefined) return { alerts: [event] };
  const { data_base64: encoded, ...rest } = event;
  const data = objectInBase64(encoded);
  if (data === undefined) return { alerts: [event], unknown: `The data of ${WHAT} is not a JSON object.` };
  return { alerts: [{ ...rest, data }] };
}

function binary(data: unknown, header: Header): Reading {
  const attributes = ATTRIBUTES.flatMap((name) => {
    const value = header(`ce-${name}`);
    return value === undefined ? [] : [[name, percentDecoded(value)] as const];
  });
  const event: JsonObject = { ...Object.fromEntries(attributes), data };
  return isEvent(event) ? { alerts: [event] } : { alerts: [event], unknown: 'A header of the CloudEvent is missing.' };
}

/** Header values are percent-encoded UTF-8; one that is not is taken as it is. */
function percentDecoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
