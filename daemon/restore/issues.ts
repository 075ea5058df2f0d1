import { PortcullisError, reasonOf } from '../base/errors.ts';
import type { CollectionName } from '../forges/forge.ts';
import { folderOf } from '../forges/layout.ts';
import type { DocumentReader } from '../forges/view.ts';
import { showPath } from '../vault/paths.ts';
import type { Snapshot } from '../vault/vault.ts';
import { isStoreFailure } from '../vault/vault-error.ts';
import { absent } from './absent.ts';
import { documentAt, documentFiles, forgeOf, type Held, readDocument } from './documents.ts';
import { issueMarkdown, pullMarkdown } from './markdown.ts';
import { type Output, writeOutputs } from './outputs.ts';
import { problemAt } from './problems.ts';
import { readerFor } from './reader.ts';
import type { DocumentFormat, RestoreOptions, RestoreReport, RestoreRequest } from './request.ts';

type Request = Extract<RestoreRequest, { grain: 'issue' | 'pull' }>;

const EXTENSIONS: Record<DocumentFormat, string> = { json: 'json', markdown: 'md' };

/** An issue or pull request, or all of a repository: JSON as the forge gave it, and Markdown. */
export async function restoreIssues(request: Request, options: RestoreOptions): Promise<RestoreReport> {
  const { repository, number, formats, grain } = request;
  const collection: CollectionName = grain === 'issue' ? 'issues' : 'pulls';
  const reader = formats.includes('markdown') ? readerFor(options.readers, (await forgeOf(options)).kind) : undefined;
  const failures: { path: string; reason: string }[] = [];
  const gone: { path: string; since: string }[] = [];
  const { snapshot } = options;

  const found = number === undefined ? all(options, collection, repository, failures) : one(await theOne());
  async function theOne(): Promise<Held> {
    const held = await documentAt(options, collection, repository, String(number));
    if (held !== undefined) return held;
    throw await noDocument(options, request, collection);
  }
  async function* outputs(): AsyncGenerator<Output> {
    let any = false;
    for await (const held of found) {
      any = true;
      const { document, file } = held;
      if (document.gone !== undefined) gone.push({ path: showPath(file.path), since: document.gone });
      for (const format of formats)
        yield {
          name: `${document.key.replaceAll('/', '_')}.${EXTENSIONS[format]}`,
          bytes: format === 'json' ? held.bytes : markdownOf(held, grain, reader, repository, snapshot),
        };
    }
    if (!any && failures.length === 0) throw await noDocument(options, request, collection);
  }
  const single = number !== undefined && formats.length === 1;
  const { files, bytes } = await writeOutputs(options.to, outputs(), { one: single, signal: options.signal });
  const notes = await problemAt(options, folderOf(collection, repository));
  return { files, bytes, gone, failures, notes };
}

async function* one(held: Held): AsyncGenerator<Held> {
  yield held;
}

/** A document that is damaged costs itself. */
async function* all(
  where: RestoreOptions,
  collection: CollectionName,
  repository: string,
  failures: { path: string; reason: string }[],
): AsyncGenerator<Held> {
  for await (const { file } of documentFiles(where, collection, repository)) {
    try {
      yield await readDocument(where, file);
    } catch (error) {
      where.signal.throwIfAborted();
      if (!(error instanceof PortcullisError) || isStoreFailure(error)) throw error;
      failures.push({ path: showPath(file.path), reason: reasonOf(error) });
    }
  }
}

function markdownOf(
  { document, file }: Held,
  grain: 'issue' | 'pull',
  reader: DocumentReader | undefined,
  repository: string,
  snapshot: Snapshot,
): string {
  if (reader === undefined) throw new TypeError('Markdown needs a reader');
  const origin = { repository, asOf: snapshot.time, ...(document.gone === undefined ? {} : { gone: document.gone }) };
  try {
    return grain === 'issue'
      ? issueMarkdown(reader.issue(document), origin)
      : pullMarkdown(reader.pull(document), origin);
  } catch (error) {
    throw new PortcullisError(
      'vault.damaged',
      `${showPath(file.path)} is not as ${reader.kind} writes it: ${reasonOf(error)}. --format json takes it as it is.`,
    );
  }
}

async function noDocument(options: RestoreOptions, request: Request, collection: CollectionName) {
  const { repository, number, grain } = request;
  const word = grain === 'issue' ? 'issue' : 'pull request';
  const what = number === undefined ? `${word}s of ${repository}` : `${word} ${number} of ${repository}`;
  const [problem] = await problemAt(options, folderOf(collection, repository));
  return absent(options, problem === undefined ? what : `${what} (${problem})`, async (other) => {
    const there = { ...options, snapshot: other };
    if (number !== undefined) return (await documentAt(there, collection, repository, String(number))) !== undefined;
    for await (const _ of documentFiles(there, collection, repository)) return true;
    return false;
  });
}
