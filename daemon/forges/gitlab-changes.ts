import type { Collection, CollectionName, Document, JsonObject, Page, ReadContext, Repository } from './forge.ts';
import { ForgeError } from './forge.ts';
import type { GitlabApi } from './gitlab-api.ts';
import { askOf } from './gitlab-collection.ts';
import { changes } from './gitlab-pages.ts';
import type { Query } from './rest.ts';

/** Failures of single documents in one run after which the server is taken to fail altogether. */
const FAILURES = 10;

export interface ChangesOf {
  readonly name: CollectionName;
  readonly role: string;
  /** Lists that are read one after the other, each with its own cursor. */
  readonly lists: readonly { readonly path: string; readonly query: Query }[];
  /** One of them for people: `issue 12`. */
  readonly one: (object: JsonObject) => string;
  readonly key: (object: JsonObject) => string;
  /** Under which name the object stands in its document, beside what belongs to it. */
  readonly as: string;
  /** What belongs to it; the object itself too, where it is given whole only alone. */
  readonly complete: (repository: Repository, object: JsonObject, context: ReadContext) => Promise<JsonObject>;
  /** The project's own switch for it: `issues_access_level`. */
  readonly level: string;
}

/**
 * A collection that is read by `updated_at`. Of a document whose comments GitLab could not give, what there is is kept, the
 * page tells, and the cursor stays before it, so that the next run asks again.
 */
export function changing(api: GitlabApi, of: ChangesOf): Collection<Repository> {
  return {
    name: of.name,
    secret: false,
    reach: 'changes',
    async *read(repository, cursor, context): AsyncGenerator<Page> {
      if (repository.object[of.level] === 'disabled') {
        throw new ForgeError({ kind: 'disabled' }, `${of.name} are switched off in ${repository.path}`);
      }
      const cursors = of.lists.map((_, index) => cursor?.split(' ')[index] || undefined);
      let failures = 0;
      for (const [index, { path, query }] of of.lists.entries()) {
        const what = `${of.name} of ${repository.path}`;
        const list = changes(
          api,
          `projects/${repository.id}/${path}`,
          query,
          cursors[index],
          askOf({ what, role: of.role }, context),
        );
        let held = false;
        for await (const { objects, cursor: reached } of list) {
          const documents: Document[] = [];
          const problems: string[] = [];
          for (const object of objects) {
            try {
              documents.push({
                key: of.key(object),
                object: { [of.as]: object, ...(await of.complete(repository, object, context)) },
              });
            } catch (error) {
              context.signal.throwIfAborted();
              if (!(error instanceof ForgeError)) throw error;
              // Gone between the list and the question: the next list will say no more of it either.
              if (error.refusal.kind === 'absent') continue;
              failures++;
              if (error.refusal.kind !== 'failed' || failures > FAILURES) throw error;
              documents.push({ key: of.key(object), object: { [of.as]: object } });
              problems.push(`${of.one(object)}: ${error.message}; the next run asks again`);
            }
          }
          held ||= problems.length > 0;
          if (!held) cursors[index] = reached;
          const reachedAll = cursors
            .map((one) => one ?? '')
            .join(' ')
            .trimEnd();
          yield {
            documents,
            ...(reachedAll === '' ? {} : { cursor: reachedAll }),
            ...(problems.length === 0 ? {} : { problems }),
          };
        }
      }
    },
  };
}
