import { FORMAT_NAME, hashInName } from './format.ts';

/** Where a canary lies that a store is tried with (docs/vault-format.md section 2). */
export const CANARY_FOLDER = 'canary';

/**
 * What of a vault in a directory is made immutable. Records first, and packs last: should time run out, those are left that are most.
 * `tmp/` is the writer's own.
 */
export const IMMUTABLE_LAYOUT = {
  folders: ['', CANARY_FOLDER, 'snapshots', 'keys', 'manifests', 'packsets', 'index', 'versions', 'packs'],
  holders: ['', 'packs'],
  isObject: (name: string): boolean =>
    name === FORMAT_NAME || hashInName(name) !== undefined || /^canary\/[0-9a-f]{32}$/.test(name),
} as const;
