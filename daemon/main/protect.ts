/**
 * The protecting process: `protect.js FILE`. Makes what lies in a directory vault immutable, and lets go of what has expired. It alone may
 * (CAP_LINUX_IMMUTABLE). It is told which of the two, and nothing that would widen what it lets go.
 */
import { systemClock } from '../base/clock.ts';
import { type ProtectMessage, type ProtectRequest, protectRequest } from '../base/jobs.ts';
import type { Lines } from '../base/lines.ts';
import { type ProtectFile, readOwnProtect } from '../config/protect.ts';
import { DirectoryStore } from '../store/directory.ts';
import { ImmutableDirectory } from '../store/immutable.ts';
import { expectVault } from '../vault/format-object.ts';
import { CANARY_FOLDER, IMMUTABLE_LAYOUT } from '../vault/immutable-layout.ts';
import { releasable } from '../vault/releasable.ts';
import { clockSynchronised } from './clock-trust.ts';
import { type Failed, serveJob } from './job.ts';

type Done = Exclude<ProtectMessage, Failed>;

async function work({ type }: ProtectRequest, lines: Lines<ProtectMessage>): Promise<void> {
  const file = await readOwnProtect(process.argv[2] ?? '');
  const trusted = file.clock === 'system' || (await clockSynchronised());
  const directory = await ImmutableDirectory.open(file.path);
  try {
    // Not somebody else's, mounted in its place.
    await expectVault(new DirectoryStore(directory.path), Buffer.from(file.vaultId, 'hex'));
    lines.send(await (type === 'protect' ? protect(directory, trusted) : expire(directory, file, trusted)));
  } finally {
    directory.close();
  }
}

async function protect(directory: ImmutableDirectory, trusted: boolean): Promise<Done> {
  // By its date a tombstone becomes old enough to count. One that is dated by a wrong clock would be old at once.
  const folders = IMMUTABLE_LAYOUT.folders.filter((folder) => trusted || folder !== 'snapshots');
  return { type: 'protected', ...(await directory.protect({ ...IMMUTABLE_LAYOUT, folders })) };
}

async function expire(directory: ImmutableDirectory, file: ProtectFile, trusted: boolean): Promise<Done> {
  await directory.release(directory.names(CANARY_FOLDER).filter(IMMUTABLE_LAYOUT.isObject));
  const { paused, names } = await releasable({
    store: new DirectoryStore(directory.path),
    vaultId: Buffer.from(file.vaultId, 'hex'),
    verifyKey: Buffer.from(file.verifyKey, 'base64'),
    rules: file.keep?.rules,
    graceMs: file.keep?.graceMs ?? 0,
    wall: trusted ? systemClock.wall() : undefined,
    cleared: new Set(file.cleared),
    since: (name) => directory.since(name),
  });
  const objects = await directory.release(names);
  return { type: 'released', objects, ...(paused === undefined ? {} : { paused }) };
}

// Told of somebody who opens what is just being looked at; it would end the process.
process.on('SIGIO', () => {});
serveJob(protectRequest, work);
