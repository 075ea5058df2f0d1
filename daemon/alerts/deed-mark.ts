import { type Deed, NOTHING, type Recogniser } from './deed.ts';
import { isObject } from './format.ts';

/** CloudEvents allows no underscore. */
const KEYS: ReadonlySet<unknown> = new Set(['airgap_action', 'airgapaction']);
const VALUE = 'drop';
/** `airgap_action:drop` and `airgap_action=drop`, alone or in a list, as Datadog, Sysdig and Sentinel write tags. */
const TAG = /(?:^|[\s,;|"'])airgap_action\s*[:=]\s*drop(?:$|[\s,;|"'])/i;
const NAMES = ['tag', 'key', 'name', 'labelName'];

/**
 * The mark an operator puts on his own alerts: a label, tag or field `airgap_action` that says `drop`, in whatever form
 * the system sends labels. It is the one thing all of them can send.
 */
export const mark: Recogniser = (value) => {
  const entries = Object.entries(value);
  const found =
    entries.some(([key, item]) => KEYS.has(key) && isDrop(item)) ||
    entries.some(
      ([, item]) => isTag(item) || (Array.isArray(item) && item.some((each) => isTag(each) || isPair(each))),
    ) ||
    NAMES.some((name) => KEYS.has(value[name]) && isDrop(value['value']));
  return found ? [{ on: 'mark', root: value } satisfies Deed] : NOTHING;
};

function isDrop(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isDrop);
  return typeof value === 'string' && value.trim().toLowerCase() === VALUE;
}

function isTag(value: unknown): boolean {
  return typeof value === 'string' && TAG.test(value);
}

/** Sentry's `["name", "value"]`; objects in lists are shown to the recogniser by themselves. */
function isPair(value: unknown): boolean {
  return !isObject(value) && Array.isArray(value) && KEYS.has(value[0]) && isDrop(value[1]);
}
