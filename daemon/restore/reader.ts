import { PortcullisError } from '../base/errors.ts';
import type { ForgeKind } from '../forges/forge.ts';
import type { DocumentReader } from '../forges/view.ts';
import type { Readers } from './request.ts';

/** The reader of a kind of forge. Throws `usage.wrong` where this program has none. */
export function readerFor(readers: Readers, kind: ForgeKind): DocumentReader {
  const reader = readers[kind];
  if (reader !== undefined) return reader;
  throw new PortcullisError(
    'usage.wrong',
    `This program cannot read documents of ${kind} in detail; --format json takes them as they are.`,
  );
}
