/** One of several threads of a sealing: reads, cuts, hashes, compresses, encrypts and writes packs of its own. */
import { parentPort, workerData } from 'node:worker_threads';
import { type ErrorCode, PortcullisError, reasonOf } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import { sealingKeys } from './appliance-secrets.ts';
import { BlobWriter, type WrittenPack } from './blob-writer.ts';
import type { SealedFiles } from './file-sealer.ts';
import { KnownBlobs, type SharedBlobs } from './known-blobs.ts';
import { OwnLane } from './lane.ts';
import { StagedPacks } from './staged-packs.ts';

export interface ThreadSetup {
  readonly staging: string;
  readonly batch: string;
  readonly sealing: Uint8Array;
  readonly vaultId: Uint8Array;
  readonly session: { readonly id: Uint8Array; readonly key: Uint8Array };
  readonly blobs: SharedBlobs;
  readonly level: number;
  /** Slots of `slotBytes`, in which pieces come. */
  readonly ring: SharedArrayBuffer;
  readonly slotBytes: number;
}

/** What a thread is asked. Each is answered once, in order. */
export type ThreadRequest =
  | { readonly do: 'files'; readonly paths: readonly Uint8Array[] }
  | { readonly do: 'piece'; readonly slot: number; readonly length: number }
  | { readonly do: 'turn'; readonly next: string };

export type ThreadAnswer = { readonly id: number; readonly files?: SealedFiles; readonly blob?: Uint8Array };

/** What it says of itself. */
export type ThreadTold =
  | { readonly wrote: WrittenPack }
  | { readonly failed: { readonly code: ErrorCode | undefined; readonly what: string } };

const port = parentPort;
if (port !== null) {
  const setup = workerData as ThreadSetup;
  const tell = (answer: ThreadAnswer | ThreadTold) => port.postMessage(answer);
  const packs = new StagedPacks(setup.staging, setup.batch);
  const keys = sealingKeys(new Secret(setup.sealing), Buffer.from(setup.vaultId));
  const blobs = new BlobWriter(
    {
      vaultId: keys.vaultId,
      session: { id: Buffer.from(setup.session.id), key: setup.session.key },
      indexKey: keys.indexKey.reveal(),
      blobId: keys.blobId,
    },
    new KnownBlobs(setup.blobs),
    (pack) => packs.write(pack),
    (wrote) => tell({ wrote }),
    setup.level,
  );
  const lane = new OwnLane(keys.gear, blobs, packs);
  const carryOut = async (request: ThreadRequest & { readonly id: number }): Promise<void> => {
    const { id } = request;
    switch (request.do) {
      case 'files':
        return lane.files(
          request.paths.map((path) => Buffer.from(path.buffer, path.byteOffset, path.byteLength)),
          (files) => tell({ id, files }),
        );
      case 'piece': {
        const bytes = Buffer.from(setup.ring, request.slot * setup.slotBytes, request.length);
        return lane.piece(bytes, (blob) => tell({ id, blob }));
      }
      case 'turn':
        await lane.turnTo(request.next);
        tell({ id });
        return;
      default:
        return request satisfies never;
    }
  };
  let last = Promise.resolve();
  port.on('message', (request: ThreadRequest & { readonly id: number }) => {
    last = last
      .then(() => carryOut(request))
      .catch((error: unknown) => {
        const code = error instanceof PortcullisError ? error.code : undefined;
        tell({ failed: { code, what: reasonOf(error) } });
      });
  });
}
