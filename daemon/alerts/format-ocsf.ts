import { type Format, isObject, type JsonObject, notUnderstood } from './format.ts';
import { says } from './format-one.ts';

const WHAT = 'an event of OCSF';

/** Classes of this category are findings, and have a state. */
const FINDINGS = 2;
const CLOSE = 3;
const RESOLVED = 4;

/**
 * Events of the Open Cybersecurity Schema Framework, alone or in an array that is judged one by one.
 * https://schema.ocsf.io
 */
export const ocsf: Format = (body) => {
  const all: readonly unknown[] = Array.isArray(body) ? body : [body];
  const known = all.filter(isEvent);
  if (known.length === 0) return notUnderstood(WHAT);
  const alerts = known.filter((event) => !isOver(event));
  return known.length === all.length ? { alerts } : { alerts, unknown: `One of the body's items is not ${WHAT}.` };
};

function isEvent(value: unknown): value is JsonObject {
  return isObject(value) && typeof value['class_uid'] === 'number' && typeof value['activity_id'] === 'number';
}

function isOver(event: JsonObject): boolean {
  if (Math.floor(Number(event['class_uid']) / 1000) !== FINDINGS) return false;
  return (
    event['activity_id'] === CLOSE || event['status_id'] === RESOLVED || says(event['status'], 'resolved', 'closed')
  );
}
