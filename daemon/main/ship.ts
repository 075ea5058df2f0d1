/** The ship job: copies finished ciphertext into the vault and reads it back. Holds neither plaintext nor a key. */
import { systemClock } from '../base/clock.ts';
import { type ShipMessage, type ShipRequest, shipRequest } from '../base/jobs.ts';
import type { Lines } from '../base/lines.ts';
import type { StoreConfig } from '../config/schema.ts';
import { ship } from '../vault/ship.ts';
import { type Failed, serveJob } from './job.ts';
import { Signatures } from './signatures.ts';
import { openStore } from './stores.ts';

const signatures = new Signatures();

async function work(message: ShipRequest, lines: Lines<ShipMessage | Failed>): Promise<void> {
  if (message.type !== 'ship') return signatures.answered(message);
  // The keeper has checked it: it is the store of its own configuration, credentials still references.
  const config = message.store as unknown as StoreConfig;
  const store = await openStore(config, { environment: process.env, clock: systemClock });
  const { bytes, verifiedBytes, cachedBytes, orphans } = await ship({
    store,
    locks: store.locks,
    wall: () => systemClock.wall(),
    staging: message.staging,
    state: message.index,
    batches: message.batches,
    vaultId: Buffer.from(message.vaultId, 'hex'),
    verifyKey: Buffer.from(message.verifyKey, 'base64'),
    heads: message.heads,
    sign: (body, batch) => signatures.ask((id) => lines.send({ type: 'sign', id, batch, body })),
    committed: (snapshot) => lines.send({ type: 'committed', ...snapshot }),
    progress: (progress) => lines.send({ type: 'progress', ...progress }),
  });
  lines.send({ type: 'done', bytes, verifiedBytes, cachedBytes, orphans });
}

serveJob(shipRequest, work);
