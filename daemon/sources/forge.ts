import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonical } from '../base/canonical.ts';
import { type Clock, isoTime } from '../base/clock.ts';
import { makeDirectory, writeDurably } from '../base/durable.ts';
import { errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Secret } from '../base/secret.ts';
import { EtagCache } from '../forges/etag-cache.ts';
import {
  type Collection,
  type CollectionName,
  type Forge,
  ForgeError,
  type Identity,
  type ReadContext,
  type Repository,
} from '../forges/forge.ts';
import {
  FORGE_FILE,
  fileNameOf,
  OWNER,
  REPOSITORIES,
  REPOSITORY_FILE,
  REPOSITORY_GIT,
  WIKI_GIT,
} from '../forges/layout.ts';
import { sourceError, stopped } from './failure.ts';
import { describe, type Outcome, readCollection } from './forge-collection.ts';
import { writeDocument } from './forge-copy.ts';
import { type Copied, type CopiedRepository, forgeEntries } from './forge-entries.ts';
import { discovered, type Known, type Registry } from './forge-registry.ts';
import { type GitAccess, lastMirror, type MirroredRepository, mirrorRepository } from './git.ts';
import { globTest } from './glob.ts';
import { redact } from './redact.ts';
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

/** How many repositories' heads stand in the facts of a snapshot, and how many refs of all of them. */
const MAX_FACTS = 2000;
const MAX_REFS = 10_000;
/** Names that are not told one by one any more. */
const MAX_NOTES = 100;
/** Of what is lost of one collection, so much is told. */
const MAX_LOST = 5;

/**
 * Everything an organisation, group or user has in a forge: repositories with all refs, wikis, and the documents of each
 * collection, laid out as `forges/layout.ts` says. What the forge does not have any more stays, flagged as gone.
 *
 * A collection or repository that cannot be had is a problem, and what was had of it before stays in the snapshot. It
 * rejects with `source.failed` when the token is refused, when the discovery fails, or when nothing at all could be had.
 *
 * Facts: `owner`, `login`, `scopes`, `repositoryCount`, `goneCount`, `repositories` (path → HEAD's commit, at most 2,000), `refs`
 * (path → ref → object id, at most 10,000 of all) and `refCount`, `notes`.
 */
export function forgeSource(options: ForgeSourceOptions): Source {
  return {
    async pull(context: PullContext): Promise<Pulled> {
      const { signal } = context;
      const subject = `Source ${options.name}`;
      if (signal.aborted) throw stopped(subject);
      try {
        const forge = options.forge(context.workdir);
        const answers = join(context.workdir, 'answers');
        await makeDirectory(answers);
        await new EtagCache(answers).prune();
        return await new Pull(options, forge, context).run();
      } catch (error) {
        const hide = hiding(options.token);
        if (error instanceof ForgeError && !signal.aborted)
          throw new PortcullisError('source.failed', hide(`${subject}: ${describe(error)}`), { cause: error });
        const told = sourceError(subject, error, signal);
        throw new PortcullisError(told.code, hide(told.what), { cause: error });
      }
    },
  };
}

class Pull {
  readonly #options: ForgeSourceOptions;
  readonly #forge: Forge;
  readonly #context: PullContext;
  readonly #hide: (text: string) => string;
  readonly #read: ReadContext;
  readonly #problems = new Map<string, string>();
  readonly #notes: string[] = [];
  readonly #now: string;
  readonly #included: readonly ((path: string) => boolean)[];
  readonly #excluded: readonly ((path: string) => boolean)[];
  #what = '';
  #done = 0;
  #total = 0;

  constructor(options: ForgeSourceOptions, forge: Forge, context: PullContext) {
    this.#options = options;
    this.#forge = forge;
    this.#context = context;
    this.#hide = hiding(options.token);
    this.#now = isoTime(options.clock.wall());
    this.#included = options.include.map(globTest);
    this.#excluded = options.exclude.map(globTest);
    this.#read = {
      signal: context.signal,
      waiting: (ms, why) => this.#tell(`${this.#what}: waiting ${Math.ceil(ms / 1000)} s, ${why}`),
    };
  }

  async run(): Promise<Pulled> {
    const { owner } = this.#options;
    const { workdir } = this.#context;
    this.#tell(`the token of ${owner}`);
    const identity = await this.#forge.identify(this.#read);
    const forgeFile = await this.#forgeFile(identity);
    this.#tell(`repositories of ${owner}`);
    const shown = await this.#discover();
    const present = shown.filter(({ path }) => this.#isAsked(path));
    const before = await readRegistry(workdir);
    if (shown.length === 0 && [...before.values()].some(({ gone }) => gone === undefined))
      throw new Error(
        `${owner} shows no repository any more, and had ${before.size}: what they were is in earlier snapshots (if this is meant, remove ${join(workdir, REGISTRY)})`,
      );
    if (shown.length > 0 && present.length === 0)
      this.#problem(REPOSITORIES, `None of ${shown.length} repositories is included by \`include\` and \`exclude\`.`);
    const registry = discovered(before, shown, this.#now);
    await writeRegistry(workdir, registry);
    this.#total = present.length + 1;
    for (const collection of this.#forge.ofOwner)
      await this.#collect(collection, undefined, join(workdir, OWNER), OWNER, `${collection.name} of ${owner}`);
    const read: ReadRepository[] = [];
    for (const repository of present) {
      this.#done += 1;
      const known = registry.get(repository.id);
      if (known !== undefined) read.push(await this.#repository(repository, known));
    }
    const now = await this.#lookAgain(registry, read);
    const live = read.filter(({ id }) => now.get(id)?.gone === undefined);
    if (live.length > 0 && live.every(({ had }) => had === 'nothing'))
      throw new Error(`nothing of it could be had; first: ${[...this.#problems.values()][0]}`);
    const gone = [...now].filter(([, known]) => known.gone !== undefined && this.#isAsked(known.path));
    const copied = live.map(({ copy }) => copy);
    for (const [id, known] of gone) copied.push(await this.#gone(id, known));
    if (gone.length > 0)
      this.#note(
        `Gone at the forge and kept: ${gone
          .slice(0, MAX_NOTES)
          .map(([, { place }]) => place)
          .join(', ')}${gone.length > MAX_NOTES ? ` and ${gone.length - MAX_NOTES} more` : ''}.`,
      );
    const secret = new Set<CollectionName>(
      [...this.#forge.ofOwner, ...this.#forge.ofRepository].filter((one) => one.secret).map(({ name }) => name),
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
        repositoryCount: live.length,
        goneCount: gone.length,
        ...refFacts(live),
        ...(this.#notes.length === 0 ? {} : { notes: this.#notes }),
      },
    };
  }

  /**
   * A repository that could not be had may have been deleted while the others were read. Only a list that came to its end says so:
   * then it has gone, and what failed of it is no problem.
   */
  async #lookAgain(registry: Registry, read: readonly ReadRepository[]): Promise<Registry> {
    if (read.every(({ had }) => had === 'all')) return registry;
    const shown = await this.#discover().catch((error: unknown) => {
      this.#context.signal.throwIfAborted();
      if (error instanceof ForgeError && error.refusal.kind !== 'unauthenticated') return [];
      throw error;
    });
    if (shown.length === 0) return registry;
    const ids = new Set(shown.map(({ id }) => id));
    const now = new Map(registry);
    for (const { id, copy } of read) {
      const known = registry.get(id);
      if (known === undefined || ids.has(id)) continue;
      now.set(id, { ...known, gone: this.#now });
      const root = `${REPOSITORIES}/${copy.place}/`;
      for (const path of [...this.#problems.keys()]) if (path.startsWith(root)) this.#problems.delete(path);
    }
    await writeRegistry(this.#context.workdir, now);
    return now;
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

  async #repository(repository: Repository, { place }: Known): Promise<ReadRepository> {
    const { id, path, cloneUrl, wikiUrl, object } = repository;
    const folder = folderOf(this.#context.workdir, id);
    await makeDirectory(folder);
    await writeDocument(join(folder, REPOSITORY_FILE), { collection: 'repository', key: path, object });
    const root = `${REPOSITORIES}/${place}`;
    this.#tell(`code of ${path}`);
    const code = await this.#mirror(join(folder, 'code'), cloneUrl, `${root}/${REPOSITORY_GIT}`);
    this.#tell(`wiki of ${path}`);
    const wiki = await this.#wiki(join(folder, 'wiki'), wikiUrl, `${root}/${WIKI_GIT}`);
    const kinds = new Set<Outcome['kind']>();
    for (const collection of this.#forge.ofRepository)
      kinds.add((await this.#collect(collection, repository, folder, root, `${collection.name} of ${path}`)).kind);
    const copy = { place, documents: folder, git: code.mirror?.entries, wiki: wiki?.entries };
    const had = code.fresh && !kinds.has('absent') ? 'all' : code.fresh || kinds.has('read') ? 'some' : 'nothing';
    return { id, copy, code: code.mirror, had };
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
    const root = `${REPOSITORIES}/${place}`;
    const code = await this.#kept(join(folder, 'code'), `${root}/${REPOSITORY_GIT}`);
    const wiki = await this.#kept(join(folder, 'wiki'), `${root}/${WIKI_GIT}`);
    return { place, documents: folder, git: code?.entries, wiki: wiki?.entries };
  }

  /** Mirrors one repository. What cannot be had is a problem, and the last good state of it stays. */
  async #mirror(
    folder: string,
    address: string,
    path: string,
    mayBeAbsent = false,
  ): Promise<{ readonly mirror: MirroredRepository | undefined; readonly fresh: boolean }> {
    const { url, token, ...others } = this.#options;
    const trusted = mayHaveToken(url, address);
    const access = { ...others, ...(trusted ? { token } : {}), signal: this.#context.signal };
    await makeDirectory(folder);
    try {
      const mirror = await mirrorRepository(access, folder, address);
      if (mirror.note !== undefined) this.#note(`${path}: ${mirror.note}`);
      return { mirror, fresh: true };
    } catch (error) {
      this.#context.signal.throwIfAborted();
      const { mirror: before, damage } = await this.#last(folder);
      // A wiki that nobody has written a page of is announced all the same.
      if (
        mayBeAbsent &&
        before === undefined &&
        damage === '' &&
        /not found|does not exist|\b404\b/i.test(reasonOf(error))
      )
        return { mirror: undefined, fresh: true };
      const withheld =
        trusted || !/^https?:/i.test(address)
          ? ''
          : ` The token is not sent there: it belongs to ${new URL(url).host}.`;
      const kept = before === undefined ? '' : ' It is as it was before.';
      this.#problem(path, `It could not be fetched: ${reasonOf(error)}.${withheld}${kept}${damage}`);
      return { mirror: before, fresh: false };
    }
  }

  /** A wiki that was switched off is kept as it was: nobody knows whether its pages are meant to go. */
  async #wiki(folder: string, address: string | undefined, path: string): Promise<MirroredRepository | undefined> {
    if (address !== undefined) return (await this.#mirror(folder, address, path, true)).mirror;
    const before = await this.#kept(folder, path);
    if (before !== undefined) this.#note(`${path}: gone at the forge and kept.`);
    return before;
  }

  /** A mirror as it was left, or why there is none. */
  async #last(folder: string): Promise<{ readonly mirror?: MirroredRepository; readonly damage: string }> {
    const last = await lastMirror({ ...this.#options, signal: this.#context.signal }, folder);
    if (last === undefined) return { damage: '' };
    if (!('damage' in last)) return { mirror: last, damage: '' };
    return { damage: ` What was had of it before is damaged (${last.damage}), and in earlier snapshots.` };
  }

  /** A mirror as it was left; one that is damaged is a problem. */
  async #kept(folder: string, path: string): Promise<MirroredRepository | undefined> {
    const { mirror, damage } = await this.#last(folder);
    if (damage !== '') this.#problem(path, damage.trimStart());
    return mirror;
  }

  async #collect<Of extends Repository | undefined>(
    collection: Collection<Of>,
    of: Of,
    folder: string,
    root: string,
    what: string,
  ): Promise<Outcome> {
    this.#tell(what);
    const tell = (documents: number) => this.#tell(`${what}: ${documents}`);
    const outcome = await readCollection({ collection, of, folder, context: this.#read, now: this.#now, tell });
    const { lost } = outcome;
    if (lost.length > 0) {
      const more = lost.length > MAX_LOST ? ` And ${lost.length - MAX_LOST} more.` : '';
      this.#problem(`${root}/${collection.name}`, `${lost.slice(0, MAX_LOST).join(' ')}${more}`);
    }
    return outcome;
  }

  #problem(path: string, reason: string): void {
    this.#problems.set(path, this.#hide(reason));
  }

  /** Also says whose the working copy is: another owner's would all seem to have gone. */
  async #forgeFile(identity: Identity): Promise<string> {
    const { owner, url } = this.#options;
    const path = join(this.#context.workdir, FORGE_FILE);
    const about = { version: 1, kind: this.#forge.kind, url, owner, login: identity.login };
    const bytes = `${canonical(about)}\n`;
    const before = await textIn(path);
    if (before === bytes) return path;
    const was = before === undefined ? about : (JSON.parse(before) as typeof about);
    if (was.kind !== about.kind || was.url !== url || was.owner !== owner)
      throw new Error(
        `its working copy is of ${was.owner} at ${was.url}: give this one another name, or, where both are the same, remove ${path}`,
      );
    await writeDurably(path, bytes);
    return path;
  }

  #note(note: string): void {
    this.#notes.push(this.#hide(note));
  }

  #tell(what: string): void {
    this.#what = what.split(': waiting')[0] ?? what;
    this.#context.progress?.({
      what: this.#hide(what),
      done: this.#done,
      ...(this.#total > 0 ? { total: this.#total } : {}),
    });
  }
}

interface ReadRepository {
  readonly id: string;
  readonly copy: CopiedRepository;
  readonly code: MirroredRepository | undefined;
  /** `some`: it may have vanished meanwhile. */
  readonly had: 'all' | 'some' | 'nothing';
}

function refFacts(read: readonly ReadRepository[]) {
  const repositories: [string, string][] = [];
  const refs: [string, Record<string, string>][] = [];
  let count = 0;
  for (const { copy, code } of read) {
    if (code === undefined) continue;
    const head = code.refs.get(Buffer.from(code.head).toString('latin1')) ?? code.head;
    if (repositories.length < MAX_FACTS) repositories.push([copy.place, head]);
    const some = [...code.refs].slice(0, Math.max(0, MAX_REFS - count));
    count += code.refs.size;
    if (some.length > 0)
      refs.push([
        copy.place,
        Object.fromEntries(some.map(([ref, id]) => [Buffer.from(ref, 'latin1').toString('utf8'), id])),
      ]);
  }
  return { repositories: Object.fromEntries(repositories), refs: Object.fromEntries(refs), refCount: count };
}

/**
 * Whether the token of the forge at `url` may be shown to where a repository is said to be: the forge itself, encrypted unless
 * the forge itself is not. What the forge answers must not send it elsewhere.
 */
export function mayHaveToken(url: string, address: string): boolean {
  if (!URL.canParse(address)) return false;
  const [forge, to] = [new URL(url), new URL(address)];
  if (to.origin === forge.origin) return true;
  return to.protocol === 'https:' && (to.hostname === forge.hostname || `api.${to.hostname}` === forge.hostname);
}

/** A text without the token: what a forge says in an error may repeat it. */
function hiding(token: Secret | undefined): (text: string) => string {
  const secret = token?.reveal().toString('utf8').trim() ?? '';
  return (text) => redact(secret === '' ? text : text.replaceAll(secret, '***'));
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
