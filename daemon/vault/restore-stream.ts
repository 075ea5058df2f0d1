import { PortcullisError, reasonOf } from '../base/errors.ts';
import type { Attributes, Listed, ListedFile } from './file-list.ts';
import { showPath } from './paths.ts';
import type { Flaw, RestoreTarget } from './restore-target.ts';
import { fitsTar, padding, TAR_END, type TarEntry, tarHeader } from './tar.ts';

/** Takes bytes in order; resolves when it wants more. */
export type Sink = (bytes: Buffer) => Promise<void>;

type Content = () => AsyncIterable<Buffer>;

/** Larger files are read twice: what has been sent cannot be taken back, so they must be known to be whole. */
const HELD = 8 << 20;

/** A pax archive. A file is in it whole or not at all; symbolic links come last, as nothing may be written through one. */
export class TarTarget implements RestoreTarget {
  readonly notes = new Set<string>();
  readonly #sink: Sink;
  readonly #links: Extract<Listed, { type: 'symlink' }>[] = [];

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  async directory(entry: Extract<Listed, { type: 'directory' }>): Promise<Flaw> {
    return this.#header({ type: 'directory', attributes: entry, size: 0 });
  }

  async symlink(entry: Extract<Listed, { type: 'symlink' }>): Promise<Flaw> {
    this.#links.push(entry);
    return undefined;
  }

  async file(entry: ListedFile, content: Content): Promise<Flaw> {
    const whole = await held(entry, content);
    const flaw = await this.#header({ type: 'file', attributes: entry, size: entry.size });
    await sendWhole(this.#sink, entry, whole);
    await send(this.#sink, padding(entry.size));
    return flaw;
  }

  async link(entry: ListedFile, first: Buffer): Promise<Flaw> {
    return this.#header({ type: 'link', attributes: entry, size: 0, target: first });
  }

  async finish(fail: (path: Buffer, error: unknown) => void): Promise<void> {
    for (const entry of this.#links) {
      const flaw = await this.#header({ type: 'symlink', attributes: entry, size: 0, target: entry.target });
      if (flaw !== undefined) fail(entry.path, new Error(flaw));
    }
    await send(this.#sink, TAR_END);
  }

  async #header(entry: TarEntry): Promise<Flaw> {
    const { xattrs = [] } = entry.attributes;
    const kept = xattrs.filter(({ name }) => fitsTar(name));
    const attributes: Attributes = { ...entry.attributes, xattrs: kept };
    await send(this.#sink, tarHeader({ ...entry, attributes }));
    return kept.length === xattrs.length ? undefined : 'has attributes with an equals sign, which tar cannot hold';
  }
}

/** The bytes of one file, as they are. */
export class BytesTarget implements RestoreTarget {
  readonly notes = new Set<string>();
  readonly #sink: Sink;
  #sent: Buffer | undefined;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  async file(entry: ListedFile, content: Content): Promise<Flaw> {
    if (this.#sent !== undefined) throw noFile(entry.path, 'a second file');
    const whole = await held(entry, content);
    this.#sent = entry.path;
    await sendWhole(this.#sink, entry, whole);
    return undefined;
  }

  async directory({ path }: { readonly path: Buffer }): Promise<Flaw> {
    throw noFile(path, 'a folder');
  }

  async symlink({ path }: { readonly path: Buffer }): Promise<Flaw> {
    throw noFile(path, 'a symbolic link');
  }

  async link({ path }: { readonly path: Buffer }): Promise<Flaw> {
    throw noFile(path, 'a second file');
  }

  async finish(): Promise<void> {}
}

function noFile(path: Buffer, what: string): PortcullisError {
  return new PortcullisError(
    'vault.destination',
    `"${showPath(path)}" is ${what}: only one file goes to standard output as it is; --tar takes everything.`,
  );
}

/** The same content, known to be whole. Rejects where it is not. */
async function held(entry: ListedFile, content: Content): Promise<Content> {
  const parts: Buffer[] = [];
  for await (const bytes of content()) if (entry.size <= HELD) parts.push(bytes);
  if (entry.size > HELD) return content;
  return async function* () {
    yield* parts;
  };
}

async function sendWhole(sink: Sink, entry: ListedFile, content: Content): Promise<void> {
  try {
    for await (const bytes of content()) await send(sink, bytes);
  } catch (error) {
    // The beginning is out: there is no going on.
    if (error instanceof PortcullisError && error.code === 'vault.destination') throw error;
    throw new PortcullisError(
      'vault.destination',
      `Broke off inside ${showPath(entry.path)}, which was whole before: ${reasonOf(error)}.`,
      { cause: error },
    );
  }
}

async function send(sink: Sink, bytes: Buffer): Promise<void> {
  try {
    await sink(bytes);
  } catch (error) {
    throw new PortcullisError('vault.destination', `What is restored cannot be written: ${reasonOf(error)}.`, {
      cause: error,
    });
  }
}
