import type { z } from 'zod';
import { type Place, valueAt } from './place.ts';
import { type AlertSource, type Config, configSchema, type SourceConfig, type WindowConfig } from './schema.ts';

/** What can be understood of a configuration that may have faults: sections and list items that are right by themselves. */
export interface Readable {
  readonly appliance: Config['appliance'] | undefined;
  readonly board: Config['board'] | undefined;
  readonly vault: Config['vault'] | undefined;
  readonly web: Config['web'] | undefined;
  /** Without its sources. */
  readonly intake: Config['intake'] | undefined;
  readonly ledger: Config['ledger'] | undefined;
  readonly notify: Config['notify'] | undefined;
  /** As in the file; undefined where an item has faults. */
  readonly windows: readonly (WindowConfig | undefined)[];
  readonly sources: readonly (SourceConfig | undefined)[];
  readonly alertSources: readonly (AlertSource | undefined)[];
  /** What must not occur twice in one list, whatever else may be wrong with the item. */
  readonly names: readonly (readonly { readonly text: string; readonly place: Place }[])[];
}

const { appliance, board, vault, web, intake, ledger, notify, windows, sources } = configSchema.shape;
const alertSource = intake.unwrap().shape.sources.unwrap().element;

export function readable(root: unknown): Readable {
  const alerts = itemsOf(valueAt(root, ['intake', 'sources']));
  const section = valueAt(root, ['intake']);
  return {
    appliance: parsed(appliance, valueAt(root, ['appliance'])),
    board: parsed(board, valueAt(root, ['board'])),
    vault: parsed(vault, valueAt(root, ['vault'])),
    web: parsed(web, valueAt(root, ['web'])),
    intake: parsed(intake, isMapping(section) ? { ...section, sources: [] } : section),
    ledger: parsed(ledger, valueAt(root, ['ledger'])),
    notify: parsed(notify, valueAt(root, ['notify'])),
    windows: itemsOf(valueAt(root, ['windows'])).map((item) => parsed(windows.element, item)),
    sources: itemsOf(valueAt(root, ['sources'])).map((item) => parsed(sources.element, item)),
    alertSources: alerts.map((item) => parsed(alertSource, item)),
    names: [
      named(root, ['windows'], 'name'),
      named(root, ['sources'], 'name'),
      named(root, ['intake', 'sources'], 'name'),
      named(root, ['notify', 'targets'], 'name'),
      named(root, ['intake', 'rules'], 'id'),
      ...alerts.map((_, index) => named(root, ['intake', 'sources', index, 'rules'], 'id')),
    ],
  };
}

/** What the items of the list at `place` are called under `key`. */
function named(root: unknown, list: Place, key: string) {
  return itemsOf(valueAt(root, list)).flatMap((item, index) => {
    const text = valueAt(item, [key]);
    return typeof text === 'string' ? [{ text, place: [...list, index, key] }] : [];
  });
}

function parsed<S extends z.ZodType>(schema: S, value: unknown): z.output<S> | undefined {
  return schema.safeParse(value).data;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
