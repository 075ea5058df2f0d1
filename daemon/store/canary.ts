import { randomBytes } from 'node:crypto';
import { PortcullisError } from '../base/errors.ts';
import type { Bucket } from './s3-bucket.ts';

const HOUR_MS = 3_600_000;
/** Longer than clocks may differ for a signature to hold: a lock that the server takes to be over proves nothing. */
const LOCK_MS = 2 * HOUR_MS;
const MOST_REMOVED = 50;

/** What keeps the vault from being deleted by whoever has the appliance's credentials. */
export type Protection =
  | { readonly kind: 'enforced'; readonly detail: string }
  | { readonly kind: 'advisory'; readonly detail: string };

/**
 * Finds out whether `bucket` keeps what it promises: puts a locked canary and, with the same credentials, tries to delete it and to
 * shorten its lock. What counts is not the answers but whether it is still there and as locked as before. Rejects with
 * `store.unlocked` when it is not. A bucket configured without locks is advisory, and only looked at.
 */
export async function tryCanary(bucket: Bucket): Promise<Protection> {
  const { prefix, bucket: name, objectLock } = bucket.settings;
  if (!(await bucket.keepsVersions())) throw bucket.unversioned();
  if (objectLock === 'none') {
    const detail = `Bucket ${name} is used without Object Lock: whoever has these credentials can delete the vault while it is connected.`;
    return { kind: 'advisory', detail };
  }
  const key = prefix === '' ? 'canary/lock' : `${prefix}/canary/lock`;
  const wall = bucket.clock.wall();
  const until = Math.ceil((wall + LOCK_MS) / 1000) * 1000;
  const version = await bucket.put(key, randomBytes(16), until);
  const requireLock = async (after: string) => {
    const head = await bucket.head(key, version);
    const is =
      head === undefined
        ? 'is gone'
        : head.mode !== 'COMPLIANCE'
          ? `is not locked in compliance mode (${head.mode ?? 'no mode'})`
          : head.lockedUntil < until
            ? `is locked for a shorter time`
            : undefined;
    if (is === undefined) return;
    throw new PortcullisError('store.unlocked', `Bucket ${name} protects nothing: ${after}, the canary ${is}.`);
  };
  await requireLock('once written');
  await bucket.tryRelock(key, version, 'COMPLIANCE', until - HOUR_MS);
  await requireLock('after an attempt to shorten its lock');
  await bucket.tryRelock(key, version, 'GOVERNANCE', until);
  await requireLock('after an attempt to soften its lock');
  for (const bypass of [false, true]) {
    await bucket.tryDelete(key, version, bypass);
    await requireLock('after an attempt to delete it');
  }
  await removeOld(bucket, key, version);
  return { kind: 'enforced', detail: `Bucket ${name} refused to delete a locked canary and to shorten its lock.` };
}

/** Canaries whose lock is over. The others stay, which is no error. */
async function removeOld(bucket: Bucket, key: string, current: string): Promise<void> {
  let left = MOST_REMOVED;
  for await (const version of bucket.versions(key)) {
    if (version.key !== key || left-- <= 0) return;
    if (version.id !== current) await bucket.tryDelete(key, version.id, false);
  }
}
