import { createHash } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../daemon/base/clock.ts';
import type { Entry } from '../../daemon/base/entry.ts';
import { DirectoryStore } from '../../daemon/store/directory.ts';
import {
  type ApplianceSecrets,
  createApplianceSecrets,
  createVaultId,
  verifyKeyFor,
} from '../../daemon/vault/appliance-secrets.ts';
import { createVault } from '../../daemon/vault/create.ts';
import { NO_RECORD } from '../../daemon/vault/format.ts';
import type { Locks } from '../../daemon/vault/locks.ts';
import { signRecord } from '../../daemon/vault/record.ts';
import { createRecoveryKey, type RecoveryKey } from '../../daemon/vault/recovery-key.ts';
import { type Restored, restore } from '../../daemon/vault/restore.ts';
import { directoryTarget } from '../../daemon/vault/restore-directory.ts';
import { type Sealed, type SealOptions, seal } from '../../daemon/vault/seal.ts';
import { type Shipped, ship } from '../../daemon/vault/ship.ts';
import { listBatches } from '../../daemon/vault/staging.ts';
import type { Remover, Store } from '../../daemon/vault/store.ts';
import { type SweepOptions, type Swept, sweep } from '../../daemon/vault/sweep.ts';
import { findSnapshot, openVault } from '../../daemon/vault/vault.ts';

export const WALL = Date.parse('2026-11-21T06:30:00Z');

/** A file's content, or a folder (null), or a link's target. Paths are latin1 of their raw bytes. */
export type Tree = Record<string, Buffer | null | { link: string }>;

/** Entries of a tree, all contents as streams in uneven chunks. */
export async function* entriesOf(tree: Tree, secret: (path: string) => boolean = () => false): AsyncGenerator<Entry> {
  for (const [name, what] of Object.entries(tree).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const common = {
      path: Buffer.from(name, 'latin1'),
      mode: 0o644,
      mtimeNs: 1_700_000_000_123_456_789n,
      uid: 0,
      gid: 0,
    };
    if (what === null) yield { ...common, kind: 'directory', mode: 0o755 };
    else if (Buffer.isBuffer(what)) {
      yield { ...common, kind: 'file', secret: secret(name), content: { from: 'stream', open: () => chunked(what) } };
    } else yield { ...common, kind: 'symlink', mode: 0o777, target: Buffer.from(what.link, 'latin1') };
  }
}

async function* chunked(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 99_991) yield bytes.subarray(at, at + 99_991);
}

/** What lies in a folder, in the form of a Tree. */
export async function readTree(folder: string): Promise<Tree> {
  const tree: Tree = {};
  const walk = async (at: string) => {
    for (const name of await readdir(Buffer.from(join(folder, at), 'latin1'), { encoding: 'latin1' })) {
      const path = at === '' ? name : `${at}/${name}`;
      const full = Buffer.from(`${folder}/${path}`, 'latin1');
      const stats = await lstat(full);
      if (stats.isDirectory()) {
        tree[path] = null;
        await walk(path);
      } else if (stats.isSymbolicLink()) tree[path] = { link: await readlink(full, { encoding: 'latin1' }) };
      else tree[path] = await readFile(full);
    }
  };
  await walk('');
  return tree;
}

/** A tree in a form that compares fast and prints short. */
export function print(tree: Tree): Record<string, unknown> {
  const short = (what: Tree[string]) =>
    !Buffer.isBuffer(what)
      ? what
      : what.length < 100
        ? what.toString('latin1')
        : createHash('sha256').update(what).digest('hex');
  return Object.fromEntries(Object.entries(tree).map(([path, what]) => [path, short(what)]));
}

/** Pseudo-random bytes that do not compress, the same for the same seed. */
export function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = (seed * 2654435761) >>> 0 || 1;
  for (let at = 0; at < length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state & 0xff;
  }
  return bytes;
}

function locksOf(store: Store): Locks | undefined {
  return (store as { locks?: Locks }).locks;
}

/** An appliance with its vault, in a temporary folder. */
export class World {
  readonly folder: string;
  readonly root: string;
  readonly staging: string;
  readonly state: string;
  readonly secrets: ApplianceSecrets = createApplianceSecrets();
  readonly vaultId = createVaultId();
  readonly verifyKey = verifyKeyFor(this.secrets.signing);
  readonly key: RecoveryKey = createRecoveryKey(this.vaultId, this.verifyKey);
  recipients: Buffer[] = [this.key.publicKey];
  readonly store: Store;
  /** What the keeper knows: hashes the newest record may have. */
  heads: string[] = [NO_RECORD];
  #restores = 0;

  private constructor(folder: string, store: Store | undefined) {
    this.folder = folder;
    this.root = join(folder, 'vault');
    this.staging = join(folder, 'staging');
    this.state = join(folder, 'state');
    this.store = store ?? new DirectoryStore(this.root);
  }

  /** With its vault in `store`, or else in a directory. */
  static async create(store?: Store): Promise<World> {
    const world = new World(await mkdtemp(join(tmpdir(), 'portcullis-vault-')), store);
    await mkdir(world.root);
    const { vaultId, secrets, recipients } = world;
    await createVault(world.store, { vaultId, secrets, recipients, wall: WALL });
    return world;
  }

  cleanUp(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }

  seal(tree: Tree | AsyncIterable<Entry>, more: Partial<SealOptions> = {}): Promise<Sealed> {
    return seal({
      staging: this.staging,
      state: this.state,
      sealing: this.secrets.sealing,
      vaultId: this.vaultId,
      recipients: this.recipients,
      source: { name: 'files', kind: 'directory' },
      facts: { path: '/srv' },
      entries: Symbol.asyncIterator in tree ? tree : entriesOf(tree),
      wall: WALL,
      ...more,
    });
  }

  /** Ships all of staging, keeping heads as a keeper does: a hash is noted before its signature is given away. */
  async ship(store: Store = this.store, signal?: AbortSignal): Promise<Shipped> {
    const { staging, state, vaultId, verifyKey } = this;
    return ship({
      store,
      locks: locksOf(store),
      wall: () => systemClock.wall(),
      staging,
      state,
      vaultId,
      verifyKey,
      batches: (await listBatches(staging)).map(({ batch }) => batch),
      heads: this.heads,
      sign: async (body) => {
        const signed = signRecord(body, this.secrets.signing, { vaultId, heads: this.heads });
        this.heads = [...this.heads, signed.hash];
        return signed.signature;
      },
      committed: ({ head }) => {
        this.heads = [head];
      },
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** Names what goes by `more.rules`, and removes what has expired, keeping heads as `ship` does. Signs whatever the grace. */
  async sweep(more: Pick<SweepOptions, 'rules' | 'wall' | 'graceMs'> & Partial<SweepOptions>): Promise<Swept> {
    const { staging, state, vaultId, verifyKey } = this;
    return sweep({
      store: this.store as Store & Remover,
      locks: locksOf(more.store ?? this.store),
      staging,
      state,
      vaultId,
      verifyKey,
      heads: this.heads,
      cleared: new Set(),
      most: 1000,
      mostLocks: 1000,
      sign: async (body) => {
        const signed = signRecord(body, this.secrets.signing, { vaultId, heads: this.heads, graceEnds: 0 });
        this.heads = [...this.heads, signed.hash];
        return signed.signature;
      },
      committed: ({ head }) => {
        this.heads = [head];
      },
      ...more,
    });
  }

  async snapshots(store: Store = this.store) {
    return (await openVault(store, this.key)).snapshots();
  }

  /** Restores snapshot `meant` into a new folder. */
  async restore(
    meant: string,
    prefix = '',
    store: Store = this.store,
  ): Promise<{ tree: Tree; restored: Restored; to: string }> {
    const vault = await openVault(store, this.key);
    const to = join(this.folder, `restored-${++this.#restores}`);
    const snapshot = findSnapshot(await vault.snapshots(), vault.refused, meant);
    const target = await directoryTarget({ to, resume: false, what: meant, check: false });
    const restored = await restore({
      vault,
      snapshot,
      target,
      ...(prefix === '' ? {} : { prefix: Buffer.from(prefix, 'latin1') }),
    });
    return { tree: await readTree(to), restored, to };
  }

  /** Paths of all objects in the vault, relative to it. */
  async objects(): Promise<string[]> {
    const files = await readdir(this.root, { recursive: true, withFileTypes: true });
    return files
      .filter((file) => file.isFile())
      .map((file) => join(file.parentPath, file.name).slice(this.root.length + 1));
  }
}
