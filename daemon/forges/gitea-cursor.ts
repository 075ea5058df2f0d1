import { isoTime } from '../base/clock.ts';
import type { JsonObject } from './forge.ts';

/** How far issues were read. In the middle of a run it has a page; between runs it has `since` alone. */
export interface IssueCursor {
  /** RFC 3339: what had changed before is known. */
  readonly since?: string | undefined;
  /** When this run began by the forge's clock, milliseconds since the epoch. */
  readonly began?: number | undefined;
  /** The latest change that was seen, milliseconds since the epoch. */
  readonly newest?: number | undefined;
  /** From 1. Absent at the end. */
  readonly page?: number;
  /** Numbers of those that could not be read. */
  readonly again?: readonly string[];
}

/** The forge's clock stamps changes, and what stands before it may stamp its answers: they may differ by so much. */
const CLOCKS_DIFFER_MS = 60_000;

/** A cursor of nothing, or one that cannot be read, is the beginning. */
export function readCursor(
  text: string | undefined,
): IssueCursor & { readonly page: number; readonly again: readonly string[] } {
  try {
    const { since, began, newest, page = 1, again = [] } = JSON.parse(text ?? '{}') as IssueCursor;
    return { since, began, newest, page: Number.isSafeInteger(page) && page > 0 ? page : 1, again };
  } catch {
    return { page: 1, again: [] };
  }
}

export function cursorAt(cursor: IssueCursor & { readonly page: number }): string {
  return JSON.stringify(cursor);
}

/**
 * Where the next run starts: at the latest change that was seen, but not later than when this one began, because
 * of what changed then something may have been passed over. Undefined where nothing is known yet.
 */
export function cursorAfter({ since, began, newest, again = [] }: IssueCursor): string | undefined {
  const until =
    newest === undefined ? since : isoTime(began === undefined ? newest : Math.min(newest, began - CLOCKS_DIFFER_MS));
  if (until === undefined && again.length === 0) return undefined;
  return JSON.stringify({ since: until, ...(again.length === 0 ? {} : { again }) });
}

/** Whether a run of a workflow has ended, in the words of Gitea or Forgejo. */
export function isSettled(run: JsonObject): boolean {
  return ['completed', 'success', 'failure', 'cancelled', 'skipped'].includes(String(run['status']));
}
