import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tryCanary } from '../../daemon/store/canary.ts';
import { FakeS3 } from './fake-s3.ts';
import { bucketAt } from './s3-helpers.ts';

describe('the canary', () => {
  let server: FakeS3;
  beforeEach(async () => {
    server = new FakeS3();
    await server.start();
  });
  afterEach(() => server.stop());

  it('finds a bucket that keeps what is locked', async () => {
    expect(await tryCanary(bucketAt(server))).toMatchObject({ kind: 'enforced' });
    expect(server.versions.get('box/canary/lock')).toHaveLength(1);
  });

  it('goes by what is there, not by what the server says', async () => {
    server.character = { liesAboutDeleting: true };
    expect(await tryCanary(bucketAt(server))).toMatchObject({ kind: 'enforced' });
  });

  it.each([
    ['forgets locks', { forgetsLocks: true }, 'once written, the canary is not locked in compliance mode'],
    [
      'shortens locks',
      { shortensLocks: true },
      'after an attempt to shorten its lock, the canary is locked for a shorter',
    ],
    [
      'softens locks',
      { softensLocks: true },
      'after an attempt to soften its lock, the canary is not locked in compliance',
    ],
    ['deletes what is locked', { deletesLocked: true }, 'after an attempt to delete it, the canary is gone'],
  ])('finds a bucket that %s', async (_, character, what) => {
    server.character = character;
    await expect(tryCanary(bucketAt(server))).rejects.toMatchObject({
      code: 'store.unlocked',
      what: expect.stringContaining(what),
    });
  });

  it('finds a bucket without locks, and one without versions', async () => {
    server.locks = false;
    await expect(tryCanary(bucketAt(server))).rejects.toMatchObject({ code: 'store.unlocked' });
    expect(await tryCanary(bucketAt(server, { objectLock: 'none' }))).toMatchObject({ kind: 'advisory' });
    server.versioning = false;
    await expect(tryCanary(bucketAt(server, { objectLock: 'none' }))).rejects.toMatchObject({ code: 'store.unlocked' });
  });

  it('proves nothing by an attempt that did not reach the server, whichever it was', async () => {
    let fired = 0;
    for (let nth = 1; ; nth++) {
      let requests = 0;
      server.versions.clear();
      server.disturb = () => (++requests === nth ? 'cut' : undefined);
      const result = await tryCanary(bucketAt(server)).catch((error: unknown) => error);
      if (requests < nth) break;
      fired++;
      expect(result).toMatchObject({ code: 'store.gone' });
    }
    expect(fired).toBeGreaterThan(8);
  });

  it('leaves no more canaries than are still locked', async () => {
    for (let times = 0; times < 3; times++) await tryCanary(bucketAt(server));
    const versions = server.versions.get('box/canary/lock') ?? [];
    expect(versions).toHaveLength(3);
    for (const version of versions) if (version.lock !== undefined) version.lock.until = 0;
    await tryCanary(bucketAt(server));
    expect(server.versions.get('box/canary/lock')).toHaveLength(1);
  });
});
