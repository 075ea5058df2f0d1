/** One of several threads that claim the same blobs: tells how many it got. */
import { parentPort, workerData } from 'node:worker_threads';
import { KnownBlobs, type SharedBlobs } from '../../daemon/vault/known-blobs.ts';

const { shared, count, pack } = workerData as { shared: SharedBlobs; count: number; pack: number };
const blobs = new KnownBlobs(shared);
// All of them begin at once.
const gate = new Int32Array(shared.counts);
Atomics.add(gate, gate.length - 1, 1);
while (Atomics.load(gate, gate.length - 1) < 3);
let won = 0;
for (let number = 0; number < count; number++) {
  const id = Buffer.alloc(32);
  id.writeUInt32LE(Math.imul(number + 1, 2654435761) >>> 0, 0);
  id.writeUInt32LE(number, 4);
  if (blobs.claim(id, pack) === undefined) won++;
}
parentPort?.postMessage(won);
