import type { Document, Page } from './forge.ts';
import { ForgeError } from './forge.ts';
import { optional } from './gitlab-refusal.ts';

/** One of several lists that make up a collection. */
export interface Part {
  read(): AsyncIterable<readonly Document[]>;
  /** Not every edition has it, or a project can switch it off: a 404 then loses nothing. */
  readonly optional?: boolean;
}

/**
 * Everything that can be had of `parts`. What was refused is told at the end, when all the rest has been given: a collection
 * that ends so is not whole, and nothing may be taken for gone. All of them absent: `disabled`.
 */
export async function* together(parts: readonly Part[]): AsyncGenerator<Page> {
  let refused: ForgeError | undefined;
  let disabled: ForgeError | undefined;
  let had = 0;
  for (const part of parts) {
    try {
      for await (const documents of part.read()) yield { documents };
      had++;
    } catch (error) {
      const told = part.optional === true ? optional(error) : error;
      if (!(told instanceof ForgeError) || told.refusal.kind === 'unauthenticated') throw told;
      if (told.refusal.kind === 'disabled') disabled ??= told;
      else refused ??= told;
    }
  }
  if (refused !== undefined) throw refused;
  if (had === 0 && disabled !== undefined) throw disabled;
}
