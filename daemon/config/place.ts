/** Where a value stands in the configuration: keys and places in lists, from the root. */
export type Place = readonly (string | number)[];

/** `sources[2].url`; empty for the root. */
export function pathText(place: Place): string {
  return place
    .map((step) => {
      if (typeof step === 'number') return `[${step}]`;
      return /^[A-Za-z_][\w-]*$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
    })
    .join('')
    .replace(/^\./, '');
}

/** What stands at `place` in `root`, or undefined. */
export function valueAt(root: unknown, place: Place): unknown {
  let value = root;
  for (const step of place) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}
