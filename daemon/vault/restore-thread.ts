/** One of several threads of a restore: opens blobs, and writes the short files that are in them. */
import { createHash } from 'node:crypto';
import { parentPort, threadId, workerData } from 'node:worker_threads';
import { isOwn } from '../base/thread.ts';
import { loadPosix } from '../files/posix.ts';
import { blobIdUnder } from './appliance-secrets.ts';
import type { BlobEntry } from './blob-table.ts';
import { decodeFile } from './file-list.ts';
import { type PackType, TYPE } from './format.ts';
import { readHeader } from './header.ts';
import { openBlob } from './pack.ts';
import type { Reference } from './reference.ts';
import { AttributeSetter } from './restore-attributes.ts';
import { FileWriter } from './restore-file.ts';
import { attempt } from './vault-error.ts';

export interface RestoreThreadSetup {
  readonly vaultId: Uint8Array;
  readonly blobIdKey: Uint8Array;
  /** The folder that is restored to, if files are to be written. */
  readonly root: Uint8Array | undefined;
}

/** A blob, `offset` bytes into one of the parts of packs that came with it. */
export interface GivenBlob extends Omit<BlobEntry, 'id'> {
  /** In hex. */
  readonly id: string;
  readonly index: number;
  readonly pack: number;
  readonly part: number;
  readonly offset: number;
}

export interface RestoreRequest {
  /** Their lines of the list. Undefined for the content of the first blob. */
  readonly files: Uint8Array | undefined;
  readonly blobs: readonly GivenBlob[];
  readonly packs: readonly { readonly header: Uint8Array; readonly key: Uint8Array }[];
  readonly parts: readonly Uint8Array[];
}

export interface RestoreAnswer {
  readonly id: number;
  /** Undefined where the blob cannot be opened. */
  readonly content?: Uint8Array | undefined;
  /** Of each file what it is without, if anything; false where it was not written. */
  readonly files?: readonly (string | undefined | false)[];
  readonly notes: readonly string[];
}

const port = parentPort;
if (port !== null) {
  const setup = workerData as RestoreThreadSetup;
  const vaultId = bufferOf(setup.vaultId);
  const attributes = new AttributeSetter(await loadPosix());
  const writer = setup.root && new FileWriter(bufferOf(setup.root), String(threadId), attributes);

  const open = ({ packs, parts }: RestoreRequest, blob: GivenBlob | undefined): Buffer => {
    const pack = blob && packs[blob.pack];
    const part = blob && parts[blob.part];
    if (blob === undefined || pack === undefined || part === undefined) throw new Error('is not given');
    const header = readHeader(bufferOf(pack.header), TYPE.data, TYPE.metadata);
    const stored = part.subarray(blob.offset, blob.offset + blob.storedLength);
    const id = Buffer.from(blob.id, 'hex');
    const content = openBlob(pack.key, vaultId, header, { ...blob, id }, stored);
    if (!blobIdUnder(setup.blobIdKey, header.type as PackType, content).equals(id)) throw new Error('is another blob');
    return content;
  };

  const writeFiles = (request: RestoreRequest, lines: Buffer): (string | undefined | false)[] => {
    const blobs = new Map(request.blobs.map((blob) => [blob.id, blob]));
    const opened = new Map<string, Buffer>();
    const read = ({ blob, offset, length }: Reference): Buffer => {
      const id = blob.toString('hex');
      let content = opened.get(id);
      if (content === undefined) {
        content = open(request, blobs.get(id));
        opened.set(id, content);
      }
      return content.subarray(offset, offset + length);
    };
    const write = (line: Buffer): string | undefined | false => {
      // What cannot be done here is done again, and told, where there are more ways.
      try {
        const file = decodeFile(line);
        const content = file.content.map(read);
        if (content.reduce((sum, { length }) => sum + length, 0) !== file.size) return false;
        if (file.sha256 !== undefined && file.sha256 !== hashOf(content)) return false;
        return writer?.write(file, content);
      } catch {
        return false;
      }
    };
    const results: (string | undefined | false)[] = [];
    for (let from = 0, end = lines.indexOf(10); end !== -1; from = end + 1, end = lines.indexOf(10, from)) {
      results.push(write(lines.subarray(from, end)));
    }
    return results;
  };

  port.on('message', (request: RestoreRequest & { readonly id: number }) => {
    const { id, files } = request;
    let answer: RestoreAnswer;
    if (files === undefined) answer = { id, content: attempt(() => open(request, request.blobs[0])), notes: [] };
    else answer = { id, files: writeFiles(request, bufferOf(files)), notes: [...attributes.notes] };
    const { content } = answer;
    port.postMessage(answer, content !== undefined && isOwn(content) ? [content.buffer] : []);
  });
}

function hashOf(content: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const bytes of content) hash.update(bytes);
  return hash.digest('hex');
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
