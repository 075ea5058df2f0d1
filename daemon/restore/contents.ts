import { createHash } from 'node:crypto';
import { PortcullisError } from '../base/errors.ts';
import type { ListedFile } from '../vault/file-list.ts';
import { isUnder, showPath } from '../vault/paths.ts';
import type { Snapshot, Vault } from '../vault/vault.ts';

/** Bytes of the largest file that is held whole: a document, a list of refs. */
const LARGEST = 256 << 20;

/** The bytes of a file of a snapshot, each piece checked as it is read. Rejects with `vault.damaged`. */
export async function* fileBytes(
  vault: Vault,
  file: ListedFile,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  for (const reference of file.content) {
    signal.throwIfAborted();
    yield await vault.blobs.read(reference);
  }
}

/** All of a file of a snapshot at once. Rejects with `vault.damaged`, naming the path, where they are not what was sealed. */
export async function bytesOf(vault: Vault, file: ListedFile, signal: AbortSignal): Promise<Buffer> {
  if (file.size > LARGEST)
    throw new PortcullisError('vault.damaged', `${showPath(file.path)} has ${file.size} bytes, which no document has.`);
  const parts: Buffer[] = [];
  for await (const piece of fileBytes(vault, file, signal)) parts.push(piece);
  const bytes = Buffer.concat(parts);
  const wrong =
    bytes.length !== file.size ||
    (file.sha256 !== undefined && createHash('sha256').update(bytes).digest('hex') !== file.sha256);
  if (wrong) throw new PortcullisError('vault.damaged', `${showPath(file.path)} is not what was sealed.`);
  return bytes;
}

/** Whether two files hold the same bytes: a few pieces of each are held at a time. */
export async function sameBytes(
  vault: Vault,
  before: ListedFile,
  after: ListedFile,
  signal: AbortSignal,
): Promise<boolean> {
  const [a, b] = await Promise.all([before, after].map((file) => hashOf(vault, file, signal)));
  return a === b;
}

async function hashOf(vault: Vault, file: ListedFile, signal: AbortSignal): Promise<string> {
  if (file.sha256 !== undefined) return file.sha256;
  const hash = createHash('sha256');
  for await (const piece of fileBytes(vault, file, signal)) hash.update(piece);
  return hash.digest('hex');
}

/** The file at exactly `path`, or undefined. Reads the piece of the list it stands in, and no content. */
export async function fileAt(vault: Vault, snapshot: Snapshot, path: string): Promise<ListedFile | undefined> {
  const at = Buffer.from(path);
  for await (const entry of vault.listFiles(snapshot, at))
    if (entry.path.equals(at)) return entry.type === 'file' ? entry : undefined;
  return undefined;
}

/** Whether a snapshot holds anything at `path`. */
export async function holds(vault: Vault, snapshot: Snapshot, path: string): Promise<boolean> {
  const at = Buffer.from(path);
  for await (const entry of vault.listFiles(snapshot, at))
    if (isUnder(entry.path, at)) return entry.type !== 'problem' && entry.type !== 'skipped';
  return false;
}
