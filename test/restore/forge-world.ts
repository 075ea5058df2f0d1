import { join } from 'node:path';
import { systemClock } from '../../daemon/base/clock.ts';
import type { Entry } from '../../daemon/base/entry.ts';
import type { CollectionName, JsonObject } from '../../daemon/forges/forge.ts';
import { documentPath } from '../../daemon/forges/layout.ts';
import type { DocumentReader } from '../../daemon/forges/view.ts';
import type { Destination, RestoreOptions, RestoreRequest } from '../../daemon/restore/request.ts';
import { restorePart } from '../../daemon/restore/restore.ts';
import { comparePaths } from '../../daemon/vault/paths.ts';
import type { SealOptions } from '../../daemon/vault/seal.ts';
import type { Store } from '../../daemon/vault/store.ts';
import { findSnapshot, openVault } from '../../daemon/vault/vault.ts';
import { never, pullAll, source, temporary } from '../sources/helpers.ts';
import { entriesOf, type Tree, WALL, World } from '../vault/world.ts';

export const DAY = 86_400_000;

/** Reads documents whose objects are views already. */
export const plainReader: DocumentReader = {
  kind: 'github',
  repository: ({ object }) => object as never,
  issue: ({ object }) => shaped(object),
  pull: ({ object }) => shaped(object),
  label: ({ object }) => object as never,
  milestone: ({ object }) => object as never,
  release: ({ object }) => object as never,
  variable: ({ object }) => object as never,
};

function shaped(object: JsonObject): never {
  if (typeof object['title'] !== 'string') throw new TypeError('it has no title');
  return object as never;
}

export function document(
  collection: CollectionName | 'repository',
  key: string,
  object: JsonObject,
  gone?: string,
): Buffer {
  return Buffer.from(`${JSON.stringify({ collection, ...(gone === undefined ? {} : { gone }), key, object })}\n`);
}

export function issue(number: number, more: object = {}): JsonObject {
  return {
    number,
    title: `Issue ${number}`,
    body: `Body ${number}`,
    state: 'open',
    author: 'ada',
    createdAt: '2026-01-02T03:04:05Z',
    labels: ['bug'],
    assignees: [],
    comments: [{ id: '1', author: 'bob', createdAt: '2026-01-03T03:04:05Z', body: 'A comment' }],
    url: `https://forge.example/acme/app/issues/${number}`,
    ...more,
  } as unknown as JsonObject;
}

/** Path and bytes of one document. */
export function put(
  tree: Tree,
  collection: CollectionName,
  repository: string | undefined,
  key: string,
  object: JsonObject,
  gone?: string,
): void {
  tree[documentPath(collection, repository, key)] = document(collection, key, object, gone);
}

/** The mirror of a repository, as a source leaves it in folder `root`. */
export async function mirrorTree(origin: string, root: string, workdir?: string): Promise<Tree> {
  const from = source({ kind: 'git', name: 'mirror', url: origin });
  const tree: Tree = {};
  for (const { path, bytes, entry } of await pullAll(from, workdir ?? (await temporary())))
    if (entry.kind !== 'problem') tree[path.replace(/^mirror\.git/, root)] = bytes ?? null;
  return tree;
}

/** A forge's tree without documents but its own. */
export function forgeTree(): Tree {
  return {
    'forge.json': Buffer.from(
      '{"kind":"github","login":"me","owner":"acme","url":"https://api.forge.example","version":1}\n',
    ),
  };
}

/** With every folder, in tree order, unlike a Tree by itself. */
export async function* inOrder(tree: Tree): AsyncGenerator<Entry> {
  const whole: Tree = { ...tree };
  for (const path of Object.keys(tree))
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) whole[path.slice(0, at)] ??= null;
  const entries: Entry[] = [];
  for await (const entry of entriesOf(whole, (path) => path.includes('/variables/'))) entries.push(entry);
  yield* entries.sort((a, b) => comparePaths(a.path, b.path));
}

/** A vault whose snapshots are a day apart. */
export class ForgeWorld {
  readonly world: World;
  #sealed = 0;

  private constructor(world: World) {
    this.world = world;
  }

  static async create(): Promise<ForgeWorld> {
    return new ForgeWorld(await World.create());
  }

  async snapshot(
    tree: Tree | AsyncIterable<Entry>,
    from = { name: 'forge', kind: 'github' },
    more: Partial<SealOptions> = {},
  ) {
    const wall = WALL + this.#sealed * DAY;
    this.#sealed += 1;
    const entries = Symbol.asyncIterator in tree ? tree : inOrder(tree);
    const sealed = await this.world.seal(entries, { source: from, facts: {}, wall, ...more });
    await this.world.ship();
    return sealed;
  }

  async open(store: Store = this.world.store) {
    return openVault(store, this.world.key);
  }

  path(name: string): string {
    return join(this.world.folder, name);
  }

  async restore(
    request: RestoreRequest,
    to: Destination | string,
    meant = '1',
    more: Partial<RestoreOptions> = {},
    store: Store = this.world.store,
  ) {
    const vault = await this.open(store);
    return restorePart(request, {
      vault,
      snapshot: findSnapshot(await vault.snapshots(), vault.refused, meant),
      to: typeof to === 'string' ? { kind: 'place', path: this.path(to) } : to,
      readers: { github: plainReader },
      environment: process.env,
      clock: systemClock,
      signal: never,
      threads: 0,
      ...more,
    });
  }
}

/** A destination that keeps what it is given. */
export function memory(
  temporaryFolder: string,
): Destination & { readonly text: () => string; readonly bytes: () => Buffer } {
  const chunks: Buffer[] = [];
  return {
    kind: 'stream',
    write: async (bytes) => void chunks.push(Buffer.from(bytes)),
    temporary: temporaryFolder,
    text: () => Buffer.concat(chunks).toString('utf8'),
    bytes: () => Buffer.concat(chunks),
  };
}
