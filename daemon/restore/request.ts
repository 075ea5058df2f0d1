import type { Clock } from '../base/clock.ts';
import type { CollectionName, ForgeKind } from '../forges/forge.ts';
import type { DocumentReader } from '../forges/view.ts';
import type { RefName, RepositoryForm } from '../sources/branch.ts';
import type { Environment } from '../sources/program.ts';
import type { Snapshot, Vault } from '../vault/vault.ts';

/** What is asked for: as small as the loss. Repositories are named as `place.ts` names them; undefined is a git source's only one. */
export type RestoreRequest =
  /** Everything, or what matches. */
  | ({ readonly grain: 'snapshot' } & Filter)
  /** A path of the snapshot and what is below it. */
  | ({ readonly grain: 'path'; readonly path: string } & Filter)
  | { readonly grain: 'repository'; readonly repository: string | undefined; readonly as: RepositoryForm }
  | {
      readonly grain: 'ref';
      readonly repository: string | undefined;
      readonly ref: RefName;
      readonly as: RepositoryForm;
    }
  /** One file or folder as it is at a branch or tag. */
  | {
      readonly grain: 'file';
      readonly repository: string | undefined;
      readonly ref: RefName;
      readonly path: string;
    }
  /** One, or without a number all of them. */
  | {
      readonly grain: 'issue' | 'pull';
      readonly repository: string;
      readonly number: number | undefined;
      readonly formats: readonly DocumentFormat[];
    }
  /** Of a repository, or without one of the owner: one by its name, or all. */
  | {
      readonly grain: 'variables';
      readonly repository: string | undefined;
      readonly name: string | undefined;
      /** Only those of this environment. */
      readonly environment: string | undefined;
      readonly formats: readonly VariableFormat[];
    }
  /** Every document of a collection as it is. */
  | { readonly grain: 'documents'; readonly repository: string | undefined; readonly collection: CollectionName };

interface Filter {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

export type DocumentFormat = 'json' | 'markdown';
export type VariableFormat = 'env' | 'json' | 'calls';

/**
 * Where it goes. A `place` does not exist yet and appears whole or not at all. A `folder` takes a snapshot or a path of it, and can be
 * gone on with. A `stream` takes one file as it is.
 */
export type Destination =
  | { readonly kind: 'place'; readonly path: string }
  | { readonly kind: 'folder'; readonly path: string; readonly resume: boolean; readonly check: boolean }
  | { readonly kind: 'archive'; readonly path: string }
  | {
      readonly kind: 'stream' | 'archive stream';
      write(bytes: Uint8Array): Promise<void>;
      /** A folder for what must be whole before its first byte goes out. */
      readonly temporary: string;
    };

export type Readers = Partial<Readonly<Record<ForgeKind, DocumentReader>>>;

export interface RestoreOptions {
  readonly vault: Vault;
  readonly snapshot: Snapshot;
  readonly to: Destination;
  readonly readers: Readers;
  /** For git. */
  readonly environment: Environment;
  readonly clock: Clock;
  /** Aborted: nothing half stays, except of a `folder`, which can be gone on with. */
  readonly signal: AbortSignal;
  /** Threads for many files; 0 for none. */
  readonly threads: number;
  readonly progress?: (progress: { readonly files: number; readonly bytes: number; readonly total: number }) => void;
}

export interface RestoreReport {
  readonly files: number;
  readonly bytes: number;
  /** Of a branch, tag or file out of one. */
  readonly commit?: string;
  /** What the origin has deleted, and since when (RFC 3339): restored as it was last seen. */
  readonly gone: readonly { readonly path: string; readonly since: string }[];
  /** What could not be restored, and what the snapshot itself lacks. When not empty, the restore is not whole. */
  readonly failures: readonly { readonly path: string; readonly reason: string }[];
  /** No failures, but worth knowing. */
  readonly notes: readonly string[];
}
