import { createHash } from 'node:crypto';
import { canonical } from '../base/canonical.ts';
import type { CollectionName } from '../forges/forge.ts';
import { documentPath, REPOSITORY_FILE } from '../forges/layout.ts';
import { fullName, type RefName } from '../sources/branch.ts';
import type { ListedFile } from '../vault/file-list.ts';
import { showPath } from '../vault/paths.ts';
import type { Snapshot } from '../vault/vault.ts';
import { sameReferences } from './compare.ts';
import { fileAt, holds } from './contents.ts';
import { namedFiles, readDocument, type Where } from './documents.ts';
import { refsIn } from './git-state.ts';
import type { State } from './history.ts';
import { kindOf, placeOf } from './places.ts';
import type { Refs } from './refs.ts';

/** What is looked for in every snapshot of a source. */
export type Subject =
  /** A path, or a glob (`**`, `*`, `?`) of paths. */
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'repository'; readonly repository: string | undefined }
  | { readonly kind: 'ref'; readonly repository: string | undefined; readonly ref: RefName }
  | { readonly kind: 'issue' | 'pull'; readonly repository: string; readonly number: number }
  /** Of a repository, or without one of the owner. */
  | { readonly kind: 'variable'; readonly repository: string | undefined; readonly name: string };

/** The subject as one snapshot has it: by label, as a variable may be there once for each environment. */
export type Probe = (snapshot: Snapshot) => Promise<ReadonlyMap<string, State>>;

type Given = Omit<Where, 'snapshot'>;

/** Whether a source can have it at all. */
export function fits(subject: Subject, snapshot: Snapshot): boolean {
  switch (subject.kind) {
    case 'path':
      return true;
    case 'repository':
    case 'ref':
      return placeOf(snapshot, subject.repository) !== undefined;
    case 'issue':
    case 'pull':
    case 'variable':
      return kindOf(snapshot) === 'forge';
    default:
      return subject satisfies never;
  }
}

/** A probe for every subject but paths. It reads a content again only where it lies elsewhere than in the snapshot before. */
export function probeFor(subject: Exclude<Subject, { kind: 'path' }>, given: Given): Probe {
  switch (subject.kind) {
    case 'ref':
      return refProbe(subject.repository, given, (refs) => refs.get(fullName(subject.ref)));
    case 'repository':
      return repositoryProbe(subject.repository, given);
    case 'issue':
    case 'pull': {
      const { repository, number } = subject;
      const collection: CollectionName = subject.kind === 'issue' ? 'issues' : 'pulls';
      const path = documentPath(collection, repository, String(number));
      const read = documentStates(given);
      return async (snapshot) => {
        const file = await fileAt(given.vault, snapshot, path);
        return file === undefined
          ? new Map()
          : new Map([[`${subject.kind} ${number} of ${repository}`, await read(snapshot, file)]]);
      };
    }
    case 'variable': {
      const { repository, name } = subject;
      const read = documentStates(given);
      return async (snapshot) => {
        const found = new Map<string, State>();
        for (const collection of ['variables', 'secrets'] as const)
          for await (const file of namedFiles({ ...given, snapshot }, collection, repository, name)) {
            const state = await read(snapshot, file);
            const { key } = state;
            if (key !== name && !key.endsWith(`/${name}`)) continue;
            const word = collection === 'variables' ? 'variable' : 'secret';
            found.set(`${word} ${key} of ${repository ?? 'the owner'}`, state);
          }
        return found;
      };
    }
    default:
      return subject satisfies never;
  }
}

function refProbe(name: string | undefined, given: Given, pick: (refs: Refs) => string | undefined): Probe {
  const read = refStates(given);
  return async (snapshot) => {
    const place = placeOf(snapshot, name);
    const refs = place && (await read(snapshot, place.git));
    const commit = refs && pick(refs);
    if (place === undefined || commit === undefined) return new Map();
    return new Map([[`repository ${place.name}`, { mark: commit, detail: commit }]]);
  };
}

function repositoryProbe(name: string | undefined, given: Given): Probe {
  const refsOf = refStates(given);
  const read = documentStates(given);
  return async (snapshot) => {
    const place = placeOf(snapshot, name);
    if (place === undefined) return new Map();
    const { documents } = place;
    const own =
      documents === undefined ? undefined : await fileAt(given.vault, snapshot, `${documents}/${REPOSITORY_FILE}`);
    const about = own === undefined ? undefined : await read(snapshot, own);
    const refs = await refsOf(snapshot, place.git);
    if (about === undefined && refs === undefined) return new Map();
    const mark = hash([...(refs ?? [])].map(([ref, id]) => `${id} ${ref}\n`).join(''));
    const detail = `${refs?.size ?? 0} refs`;
    const gone = about?.gone === undefined ? {} : { gone: about.gone };
    return new Map([[`repository ${place.name}`, { mark, detail, ...gone }]]);
  };
}

/** The refs of a repository, read again only where `packed-refs` lies elsewhere. */
function refStates({ vault, signal }: Given): (snapshot: Snapshot, git: string) => Promise<Refs | undefined> {
  let last: { readonly file: ListedFile; readonly refs: Refs } | undefined;
  return async (snapshot, git) => {
    const file = await fileAt(vault, snapshot, `${git}/packed-refs`);
    if (file === undefined) return (await holds(vault, snapshot, git)) ? new Map() : undefined;
    if (last === undefined || !sameReferences(last.file.content, file.content))
      last = { file, refs: await refsIn(vault, file, signal) };
    return last.refs;
  };
}

/** What a document says of itself, read again only where it lies elsewhere. Its mark is of what the forge gave. */
function documentStates(given: Given): (snapshot: Snapshot, file: ListedFile) => Promise<State & { key: string }> {
  const last = new Map<string, { readonly file: ListedFile; readonly state: State & { key: string } }>();
  return async (snapshot, file) => {
    const path = showPath(file.path);
    const before = last.get(path);
    if (before !== undefined && sameReferences(before.file.content, file.content)) return before.state;
    const { document } = await readDocument({ ...given, snapshot }, file);
    const { key, gone } = document;
    const state = { key, mark: hash(canonical(document.object)), ...(gone === undefined ? {} : { gone }) };
    last.set(path, { file, state });
    return state;
  };
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
