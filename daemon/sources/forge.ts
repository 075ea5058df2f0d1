import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonical } from '../base/canonical.ts';
import { type Clock, isoTime } from '../base/clock.ts';
import { makeDirectory, writeDurably } from '../base/durable.ts';
import { errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import {
  type Collection,
  type CollectionName,
  type Forge,
  ForgeError,
  type Identity,
  type ReadContext,
  type Repository,
} from '../forges/forge.ts';
import { fileNameOf, OWNER, REPOSITORIES, REPOSITORY_FILE, REPOSITORY_GIT, WIKI_GIT } from '../forges/layout.ts';
import { sourceError, stopped } from './failure.ts';
import { CollectionFolder, writeDocument } from './forge-copy.ts';
import { type Copied, type CopiedRepository, forgeEntries } from './forge-entries.ts';
import { discovered, type Known, type Registry } from './forge-registry.ts';
import { type GitAccess, lastMirror, type MirroredRepository, mirrorRepository } from './git.ts';
import { globTest } from './glob.ts';
import type { PullContext, Pulled, Source } from './source.ts';

export interface ForgeSourceOptions extends Omit<GitAccess, 'signal'> {
  readonly name: string;
  /** The client, given the folder of the working copy. */
  readonly forge: (workdir: string) => Forge;
  readonly owner: string;
  readonly url: string;
  /** Glob patterns of repositories' paths. None: all of them. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

/** How many repositories' heads stand in the facts of a snapshot. */
const MAX_FACTS = 2000;
/** Names that are not told one by one any more. */
const MAX_NOTES = 100;

/**
 * Everything an organisation, group or user has in a forge: repositories with all refs, wikis, and the documents of each
 * collection, laid out as `forges/layout.ts` says. What the forge does not have any more stays, flagged as gone.
 *
 * A collection or repository that cannot be had is a problem, and what was had of it before stays in the snapshot. It
 * rejects with `source.failed` when the token is refused, when the discovery fails, or when nothing at all could be had.
 *
 * Facts: `owner`, `login`, `scopes`, `repositoryCount`, `goneCount`, `repositories` (path → HEAD's commit, at most 2,000), `notes`.
 */
export function forgeSource(options: ForgeSourceOptions): Source {
  return {
    async pull(context: PullContext): Promise<Pulled> {
      const { signal } = context;
      const subject = `Source ${options.name}`;
      if (signal.aborted) throw stopped(subject);
      try {
        const forge = options.forge(context.workdir);
        await makeDirectory(join(context.workdir, 'answers'));
        return await new Pull(options, forge, context).run();
      } catch (error) {
        if (error instanceof ForgeError && !signal.aborted)
          throw new PortcullisError('source.failed', `${subject}: ${describe(error)}`, { cause: error });
        throw sourceError(subject, error, signal);
      }
    },
  };
}

class Pull {
  readonly #options: ForgeSourceOptions;
  readonly #forge: Forge;
  readonly #context: PullContext;
  readonly #read: ReadContext;
  readonly #problems = new Map<string, string>();
  readonly #notes: string[] = [];
  readonly #now: string;
  readonly #included: readonly ((path: string) => boolean)[];
  readonly #excluded: readonly ((path: string) => boolean)[];
  /** Whether any collection at all was given. */
  #hadAny = false;
  #what = '';
  #done = 0;
  #total = 0;

  constructor(options: ForgeSourceOptions, forge: Forge, context: PullContext) {
    this.#options = options;
    this.#forge = forge;
    this.#context = context;
    this.#now = isoTime(options.clock.wall());
    this.#included = options.include.map(globTest);
    this.#excluded = options.exclude.map(globTest);
    this.#read = {
      signal: context.signal,
      waiting: (ms, why) => this.#tell(`${this.#what}: waiting ${Math.ceil(ms / 1000)} s, ${why}`),
    };
  }

  async run(): Promise<Pulled> {
    const { owner, url } = this.#options;
    const forge = this.#forge;
    const { workdir } = this.#context;
    this.#tell(`the token of ${owner}`);
    const identity = await forge.identify(this.#read);
    this.#tell(`repositories of ${owner}`);
    const shown = await this.#discover();
    const present = shown.filter(({ path }) => this.#isAsked(path));
    const before = await readRegistry(workdir);
    if (shown.length === 0 && [...before.values()].some(({ gone }) => gone === undefined))
      throw new Error(
        `${owner} shows no repository any more, and had ${before.size}: what they were is in earlier snapshots (if this is meant, remove ${join(workdir, REGISTRY)})`,
      );
    const registry = discovered(before, shown, this.#now);
    await writeRegistry(workdir, registry);
    this.#total = present.length + 1;
    for (const collection of forge.ofOwner)
      await this.#collect(collection, undefined, join(workdir, OWNER), OWNER, `${collection.name} of ${owner}`);
    const copied: CopiedRepository[] = [];
    const heads: [string, string][] = [];
    let failed = 0;
    for (const repository of present) {
      this.#done += 1;
      const known = registry.get(repository.id);
      if (known === undefined) continue;
      const { copy, head, ok } = await this.#repository(repository, known);
      copied.push(copy);
      if (head !== undefined) heads.push([known.place, head]);
      if (!ok) failed += 1;
    }
    if (failed > 0 && failed === present.length && !this.#hadAny)
      throw new Error(`nothing of it could be had; first: ${[...this.#problems.values()][0]}`);
    const gone = [...registry].filter(([, { path, gone }]) => gone !== undefined && this.#isAsked(path));
    for (const [id, known] of gone) copied.push(await this.#gone(id, known));
    if (gone.length > 0)
      this.#notes.push(
        `Gone at the forge and kept: ${gone
          .slice(0, MAX_NOTES)
          .map(([, { place }]) => place)
          .join(', ')}${gone.length > MAX_NOTES ? ` and ${gone.length - MAX_NOTES} more` : ''}.`,
      );
    const forgeFile = await this.#forgeFile(identity, url);
    const secret = new Set<CollectionName>(
      [...forge.ofOwner, ...forge.ofRepository].filter((one) => one.secret).map(({ name }) => name),
    );
    const content: Copied = {
      forgeFile,
      owner: join(workdir, OWNER),
      repositories: copied,
      isSecret: (name) => secret.has(name),
      problems: this.#problems,
    };
    return {
      entries: stopping(forgeEntries(content), this.#context.signal, `Source ${this.#options.name}`),
      facts: {
        owner,
        login: identity.login,
        ...(identity.scopes === undefined ? {} : { scopes: identity.scopes }),
        repositoryCount: present.length,
        goneCount: gone.length,
        repositories: Object.fromEntries(heads.slice(0, MAX_FACTS)),
        ...(this.#notes.length === 0 ? {} : { notes: this.#notes }),
      },
    };
  }

  #isAsked(path: string): boolean {
    return (
      (this.#included.length === 0 || this.#included.some((test) => test(path))) &&
      !this.#excluded.some((test) => test(path))
    );
  }

  async #discover(): Promise<Repository[]> {
    const found = new Map<string, Repository>();
    for await (const page of this.#forge.repositories(this.#read))
      for (const repository of page) {
        const { id, path } = repository;
        if (!/^[^/\0]+(\/[^/\0]+)*$/.test(path) || path.split('/').some((name) => name === '.' || name === '..'))
          throw new Error(`the forge names a repository ${JSON.stringify(path)}, which is no path`);
        found.set(id, repository);
      }
    return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  async #repository(
    repository: Repository,
    { place }: Known,
  ): Promise<{ copy: CopiedRepository; head: string | undefined; ok: boolean }> {
    const { id, path, cloneUrl, wikiUrl, object } = repository;
    const folder = folderOf(this.#context.workdir, id);
    await makeDirectory(folder);
    await writeDocument(join(folder, REPOSITORY_FILE), { collection: 'repository', key: path, object });
    const root = `${REPOSITORIES}/${place}`;
    this.#tell(`code of ${path}`);
    const code = await this.#mirror(join(folder, 'code'), cloneUrl, `${root}/${REPOSITORY_GIT}`);
    this.#tell(`wiki of ${path}`);
    const wiki =
      wikiUrl === undefined
        ? undefined
        : await this.#mirror(join(folder, 'wiki'), wikiUrl, `${root}/${WIKI_GIT}`, true);
    for (const collection of this.#forge.ofRepository)
      await this.#collect(collection, repository, folder, root, `${collection.name} of ${path}`);
    const copy = { place, documents: folder, git: code?.entries, wiki: wiki?.entries };
    const head = code && (code.refs.get(Buffer.from(code.head).toString('latin1')) ?? code.head);
    return { copy, head, ok: code !== undefined };
  }

  /** What is left of a repository that has gone. */
  async #gone(id: string, { place, gone }: Known): Promise<CopiedRepository> {
    const folder = folderOf(this.#context.workdir, id);
    const file = join(folder, REPOSITORY_FILE);
    await makeDirectory(folder);
    const before = await readFile(file, 'utf8').then(
      (text) => JSON.parse(text) as object,
      () => ({ object: {} }),
    );
    await writeDocument(file, { ...before, collection: 'repository', key: place, ...(gone && { gone }) } as never);
    const access = { ...this.#options, signal: this.#context.signal };
    const code = await lastMirror(access, join(folder, 'code'));
    const wiki = await lastMirror(access, join(folder, 'wiki'));
    return { place, documents: folder, git: code?.entries, wiki: wiki?.entries };
  }

  /** Mirrors one repository. What cannot be had is a problem, and the last good state of it stays. */
  async #mirror(
    folder: string,
    address: string,
    path: string,
    mayBeAbsent = false,
  ): Promise<MirroredRepository | undefined> {
    const access = { ...this.#options, signal: this.#context.signal };
    await makeDirectory(folder);
    try {
      const mirrored = await mirrorRepository(access, folder, address);
      if (mirrored.note !== undefined) this.#notes.push(`${path}: ${mirrored.note}`);
      return mirrored;
    } catch (error) {
      this.#context.signal.throwIfAborted();
      const before = await lastMirror(access, folder).catch(() => undefined);
      // A wiki that nobody has written a page of is announced all the same.
      if (
        mayBeAbsent &&
        before === undefined &&
        /not found|does not exist|could not read|40[34]/i.test(reasonOf(error))
      )
        return undefined;
      this.#problems.set(
        path,
        `It could not be fetched: ${reasonOf(error)}.${before === undefined ? '' : ' It is as it was before.'}`,
      );
      return before;
    }
  }

  async #collect<Of extends Repository | undefined>(
    collection: Collection<Of>,
    of: Of,
    folder: string,
    root: string,
    what: string,
  ): Promise<void> {
    this.#tell(what);
    const { name, reach } = collection;
    const at = join(folder, name);
    const documents = new CollectionFolder(at, name);
    const cursorFile = join(folder, `.${name}.cursor`);
    const from = reach === 'changes' ? await textIn(cursorFile) : undefined;
    const keys = new Set<string>();
    const lost: string[] = [];
    try {
      for await (const page of collection.read(of, from, this.#read)) {
        for (const { key } of page.documents) keys.add(key);
        lost.push(...(page.problems ?? []));
        await documents.put(page.documents, this.#read);
        if (reach === 'changes' && page.cursor !== undefined) await writeDurably(cursorFile, page.cursor);
        this.#tell(`${what}: ${keys.size}`);
        this.#context.signal.throwIfAborted();
      }
      if (reach === 'whole') await documents.keepOnly(keys, this.#now);
      this.#hadAny = true;
    } catch (error) {
      this.#context.signal.throwIfAborted();
      if (!(error instanceof ForgeError)) throw error;
      switch (error.refusal.kind) {
        case 'unauthenticated':
          throw error;
        case 'disabled':
          return;
        case 'absent':
        case 'denied':
        case 'failed':
          lost.push(describe(error));
          break;
        default:
          error.refusal satisfies never;
      }
    }
    if (lost.length > 0) {
      const more = lost.length > 5 ? ` And ${lost.length - 5} more.` : '';
      this.#problems.set(`${root}/${name}`, `${lost.slice(0, 5).join(' ')}${more}`);
    }
  }

  async #forgeFile(identity: Identity, url: string): Promise<string> {
    const { owner } = this.#options;
    const path = join(this.#context.workdir, 'forge.json');
    const about = { version: 1, kind: this.#forge.kind, url, owner, login: identity.login };
    const bytes = `${canonical(about)}\n`;
    if ((await textIn(path)) !== bytes) await writeDurably(path, bytes);
    return path;
  }

  #tell(what: string): void {
    this.#what = what.split(': waiting')[0] ?? what;
    this.#context.progress?.({ what, done: this.#done, ...(this.#total > 0 ? { total: this.#total } : {}) });
  }
}

function describe(error: ForgeError): string {
  const { refusal, message } = error;
  const text = message.endsWith('.') ? message : `${message}.`;
  switch (refusal.kind) {
    case 'denied':
      return `${text} The token needs ${refusal.needs}.`;
    case 'unauthenticated':
      return `${text} The token is not valid (any more): make a new one and put it where the configuration says.`;
    default:
      return text;
  }
}

async function* stopping<T>(items: AsyncIterable<T>, signal: AbortSignal, subject: string): AsyncGenerator<T> {
  for await (const item of items) {
    if (signal.aborted) throw stopped(subject);
    yield item;
  }
}

const REGISTRY = 'registry.json';

function folderOf(workdir: string, id: string): string {
  return join(workdir, REPOSITORIES, fileNameOf(id));
}

async function readRegistry(workdir: string): Promise<Registry> {
  const text = await textIn(join(workdir, REGISTRY));
  if (text === undefined) return new Map();
  return new Map(Object.entries((JSON.parse(text) as { repositories: Record<string, Known> }).repositories));
}

async function writeRegistry(workdir: string, registry: Registry): Promise<void> {
  await mkdir(join(workdir, REPOSITORIES), { recursive: true, mode: 0o700 });
  const repositories = Object.fromEntries([...registry].map(([id, known]) => [id, { ...known }]));
  await writeDurably(join(workdir, REGISTRY), canonical({ version: 1, repositories }));
}

async function textIn(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
