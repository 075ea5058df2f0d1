import {
  type Collection,
  type CollectionName,
  type Document,
  ForgeError,
  type Page,
  type ReadContext,
} from './forge.ts';

/** One part of a collection: pages of documents. */
export type Part = () => AsyncIterable<readonly Document[]>;

/** A collection that is read whole, and may consist of parts that take permissions of their own. */
export function inParts<Of>(
  name: CollectionName,
  partsOf: (of: Of, context: ReadContext) => readonly Part[],
  secret = false,
): Collection<Of> {
  return { name, secret, reach: 'whole', read: (of, _cursor, context) => readParts(partsOf(of, context)) };
}

/**
 * Parts one after another. What one of them is refused is told, and keeps the others away from nobody; where all are
 * refused, rejects as the first.
 */
export async function* readParts(parts: readonly Part[]): AsyncGenerator<Page> {
  const refused: ForgeError[] = [];
  for (const part of parts) {
    try {
      for await (const documents of part()) yield { documents };
    } catch (error) {
      if (!(error instanceof ForgeError) || error.refusal.kind === 'unauthenticated') throw error;
      if (error.refusal.kind !== 'disabled') refused.push(error);
    }
  }
  const [first] = refused;
  if (first === undefined) return;
  if (refused.length === parts.length) throw first;
  yield { documents: [], problems: refused.map(inWords) };
}

function inWords({ message, refusal }: ForgeError): string {
  return refusal.kind === 'denied' ? `${message}. The token needs ${refusal.needs}.` : `${message}.`;
}
