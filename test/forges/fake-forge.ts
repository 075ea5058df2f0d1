import {
  type Collection,
  type CollectionName,
  type Document,
  type Forge,
  ForgeError,
  type Page,
  type ReadContext,
  type Refusal,
  type Repository,
} from '../../daemon/forges/forge.ts';

const PAGE = 2;

/** One document of the fake: `at` orders changes. */
interface Held extends Document {
  readonly at: number;
}

/**
 * A forge in memory, with `issues` (changes) and `labels`, `variables` (whole, the last secret) of each repository, and
 * `variables` of the owner. It counts what is read, and fails where it is told to.
 */
export class FakeForge implements Forge {
  readonly kind = 'github';
  readonly list: Repository[] = [];
  readonly ofOwner: readonly Collection<undefined>[];
  readonly ofRepository: readonly Collection<Repository>[];
  /** What was asked for, in order: `issues of acme/app from 3`. */
  readonly asked: string[] = [];
  /** Called before each page, with its number from 1. May throw, or abort. */
  beforePage: (page: number, what: string) => void | Promise<void> = () => {};
  pages = 0;
  readonly #held = new Map<string, Map<string, Held>>();
  readonly #refused = new Map<string, Refusal>();
  readonly #spoilt = new Set<string>();
  #clock = 0;

  constructor() {
    this.ofOwner = [this.#collection<undefined>('variables', 'whole', true, () => 'owner')];
    const path = ({ id }: Repository) => id;
    this.ofRepository = [
      this.#collection<Repository>('issues', 'changes', false, path),
      this.#collection<Repository>('labels', 'whole', false, path),
      this.#collection<Repository>('variables', 'whole', true, path),
    ];
  }

  add(id: string, path: string, cloneUrl: string): Repository {
    const repository: Repository = { id, path, cloneUrl, visibility: 'private', archived: false, object: { id, path } };
    this.list.push(repository);
    return repository;
  }

  put(of: string, collection: CollectionName, document: Document): void {
    const key = `${of} ${collection}`;
    const held = this.#held.get(key) ?? new Map<string, Held>();
    this.#held.set(key, held);
    this.#clock += 1;
    held.set(document.key, { ...document, at: this.#clock });
  }

  drop(of: string, collection: CollectionName, key: string): void {
    this.#held.get(`${of} ${collection}`)?.delete(key);
  }

  refuse(of: string, collection: CollectionName, refusal: Refusal | undefined): void {
    if (refusal === undefined) this.#refused.delete(`${of} ${collection}`);
    else this.#refused.set(`${of} ${collection}`, refusal);
  }

  /** The document is not given with its page, which says so; or is again. */
  spoil(of: string, collection: CollectionName, key: string, spoilt: boolean): void {
    const name = `${of} ${collection} ${key}`;
    if (spoilt) this.#spoilt.add(name);
    else this.#spoilt.delete(name);
  }

  async identify(context: ReadContext) {
    await this.#page('identity', context);
    return { login: 'reader', scopes: ['repo'] };
  }

  async *repositories(context: ReadContext) {
    for (let at = 0; at === 0 || at < this.list.length; at += PAGE) {
      await this.#page('repositories', context);
      yield this.list.slice(at, at + PAGE);
    }
  }

  async #page(what: string, { signal }: ReadContext): Promise<void> {
    signal.throwIfAborted();
    this.pages += 1;
    this.asked.push(what);
    await this.beforePage(this.pages, what);
    signal.throwIfAborted();
  }

  #collection<Of>(
    name: CollectionName,
    reach: 'whole' | 'changes',
    secret: boolean,
    idOf: (of: Of) => string,
  ): Collection<Of> {
    const page = (what: string, context: ReadContext) => this.#page(what, context);
    const heldOf = (id: string) => [...(this.#held.get(`${id} ${name}`)?.values() ?? [])].sort((a, b) => a.at - b.at);
    const refusedOf = (id: string) => this.#refused.get(`${id} ${name}`);
    const isSpoilt = (id: string, key: string) => this.#spoilt.has(`${id} ${name} ${key}`);
    return {
      name,
      reach,
      secret,
      async *read(of, cursor, context): AsyncGenerator<Page> {
        const id = idOf(of);
        const what = `${name} of ${id}${cursor === undefined ? '' : ` from ${cursor}`}`;
        const all = heldOf(id).filter(({ at }) => cursor === undefined || at > Number(cursor));
        for (let from = 0; from === 0 || from < all.length; from += PAGE) {
          await page(what, context);
          const refusal = refusedOf(id);
          if (refusal !== undefined) throw new ForgeError(refusal, `The forge refuses ${name}`);
          const documents = all.slice(from, from + PAGE);
          const last = documents.at(-1);
          const spoilt = documents.filter(({ key }) => isSpoilt(id, key));
          yield {
            documents: documents.filter((one) => !spoilt.includes(one)).map(({ at: _, ...document }) => document),
            ...(last && { cursor: String(last.at) }),
            ...(spoilt.length > 0 && { problems: spoilt.map(({ key }) => `${name} ${key} could not be had.`) }),
          };
        }
      },
    };
  }
}
