/** The sweep job: names what is to expire, and removes from the vault what has expired. Holds neither plaintext nor a key. */
import { systemClock } from '../base/clock.ts';
import { type SweepMessage, type SweepRequest, sweepRequest } from '../base/jobs.ts';
import type { Lines } from '../base/lines.ts';
import type { StoreConfig } from '../config/schema.ts';
import { sweep } from '../vault/sweep.ts';
import { type Failed, serveJob } from './job.ts';
import { Signatures } from './signatures.ts';
import { openStore } from './stores.ts';

const signatures = new Signatures();

async function work(message: SweepRequest, lines: Lines<SweepMessage | Failed>): Promise<void> {
  if (message.type !== 'sweep') return signatures.answered(message);
  // The keeper has checked it: it is the store of its own configuration, credentials still references.
  const config = message.store as unknown as StoreConfig;
  const store = await openStore(config, { environment: process.env, clock: systemClock });
  const { paused, buried, ...figures } = await sweep({
    store,
    locks: store.locks,
    staging: message.staging,
    state: message.index,
    vaultId: Buffer.from(message.vaultId, 'hex'),
    verifyKey: Buffer.from(message.verifyKey, 'base64'),
    heads: message.heads,
    rules: message.rules,
    graceMs: message.graceMs,
    wall: message.wall,
    cleared: new Set(message.cleared),
    most: message.most,
    mostLocks: message.mostLocks,
    sign: (body) => signatures.ask((id) => lines.send({ type: 'sign', id, body })),
    committed: ({ seq, head }) => lines.send({ type: 'committed', seq, head }),
  });
  lines.send({ type: 'done', ...(paused === undefined ? {} : { paused }), buried: [...buried], ...figures });
}

serveJob(sweepRequest, work);
