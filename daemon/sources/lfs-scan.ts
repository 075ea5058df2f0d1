import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Git, ObjectFormat } from './git-tool.ts';
import { MAX_POINTER, MIN_POINTER, type Pointer, parsePointer } from './lfs-pointer.ts';

/** A pack of a mirror, to be looked through. */
export interface PackToScan {
  readonly git: Git;
  /** The bare repository. */
  readonly path: string;
  readonly format: ObjectFormat;
  /** Below `objects/pack/`, without ending. */
  readonly pack: string;
  /** For temporary files. */
  readonly folder: string;
}

/**
 * Every LFS pointer in one pack, whether a ref still reaches it or not. A pack never changes, so it needs to be asked only
 * once: what this costs later is what a fetch brought.
 */
export async function pointersIn({ git, path, format, pack, folder }: PackToScan): Promise<Pointer[]> {
  const all = join(folder, 'scan-all');
  const small = join(folder, 'scan-small');
  const at = `--git-dir=${path}`;
  try {
    const index = join(path, 'objects/pack', `${pack}.idx`);
    await writeFile(all, idsOf(linesOf(git.stream([at, 'show-index', `--object-format=${format}`], { input: index }))));
    const kinds = git.stream([at, 'cat-file', '--batch-check', '--buffer'], { input: all });
    let any = false;
    await writeFile(
      small,
      smallBlobs(linesOf(kinds), () => {
        any = true;
      }),
    );
    if (!any) return [];
    const found: Pointer[] = [];
    for await (const content of contentsOf(git.stream([at, 'cat-file', '--batch', '--buffer'], { input: small }))) {
      const pointer = parsePointer(content);
      if (pointer !== undefined) found.push(pointer);
    }
    return found;
  } finally {
    await rm(all, { force: true });
    await rm(small, { force: true });
  }
}

/** Lines of text, a chunk's worth at a time: a line each would cost more than what is done with it. */
async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string[]> {
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + chunk.toString('latin1')).split('\n');
    rest = lines.pop() ?? '';
    if (lines.length > 0) yield lines;
  }
}

/** `show-index` prints where, which, and a checksum. */
async function* idsOf(lines: AsyncIterable<string[]>): AsyncGenerator<string> {
  for await (const some of lines) yield some.map((line) => `${line.split(' ')[1]}\n`).join('');
}

async function* smallBlobs(lines: AsyncIterable<string[]>, some: () => void): AsyncGenerator<string> {
  for await (const part of lines) {
    const ids = part.flatMap((line) => {
      const [id, kind, size] = line.split(' ');
      return kind === 'blob' && Number(size) >= MIN_POINTER && Number(size) < MAX_POINTER ? [`${id}\n`] : [];
    });
    if (ids.length === 0) continue;
    some();
    yield ids.join('');
  }
}

/** Contents out of `cat-file --batch`: a line `ID KIND SIZE`, so many bytes, a newline. */
async function* contentsOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      const end = rest.indexOf(10);
      if (end === -1) break;
      const size = Number(rest.toString('latin1', 0, end).split(' ')[2]);
      if (!Number.isSafeInteger(size)) throw new Error('git cat-file printed something unexpected');
      if (rest.length < end + 1 + size + 1) break;
      yield rest.subarray(end + 1, end + 1 + size);
      rest = rest.subarray(end + 1 + size + 1);
    }
  }
}
