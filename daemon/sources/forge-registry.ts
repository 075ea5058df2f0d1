import type { Repository } from '../forges/forge.ts';

/** A repository that was seen once. It stays known, whatever becomes of it at the forge. */
export interface Known {
  /** Where it stands in the snapshot below `repositories/`. Another one's for nobody. */
  readonly place: string;
  readonly path: string;
  /** RFC 3339: since when the forge has not shown it any more. */
  readonly gone?: string;
}

/** By the forge's own id of each. */
export type Registry = ReadonlyMap<string, Known>;

/**
 * What is known after a discovery that came to its end. What is not shown any more has gone and keeps its place; a new
 * one of the same path takes the place, and the old one moves to `PATH~ID`. A rename moves it; what came back is gone no longer.
 */
export function discovered(before: Registry, now: readonly Repository[], time: string): Registry {
  const registry = new Map<string, Known>();
  const taken = new Set<string>();
  for (const { id, path } of now) {
    const place = taken.has(path) ? beside(path, id) : path;
    taken.add(place);
    registry.set(id, { place, path });
  }
  for (const [id, { path, gone = time }] of before) {
    if (registry.has(id)) continue;
    const place = clashes(path, taken) ? beside(path, id) : path;
    taken.add(place);
    registry.set(id, { place, path, gone });
  }
  return registry;
}

function beside(path: string, id: string): string {
  return `${path}~${id.replace(/[^A-Za-z0-9_-]/g, '-')}`;
}

/** A repository's folder cannot be in another's: where one was deleted a group of its name may stand now. */
function clashes(path: string, taken: ReadonlySet<string>): boolean {
  for (const other of taken)
    if (other === path || other.startsWith(`${path}/`) || path.startsWith(`${other}/`)) return true;
  return false;
}
