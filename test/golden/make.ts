/**
 * Makes the golden vault of this version of the format: `tsx test/golden/make.ts DIRECTORY`, as root, on a file system with attributes and holes.
 * Run once for each version, before its release. What lies in `test/golden/` is never made again.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, link, mkdir, open, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Entry } from '../../daemon/base/entry.ts';
import { loadPosix } from '../../daemon/files/posix.ts';
import { directorySource } from '../../daemon/sources/directory.ts';
import { stageRecipients } from '../../daemon/vault/change-recipients.ts';
import { formatLockedKey, formatRecoveryKey } from '../../daemon/vault/key-file.ts';
import { createRecoveryKey } from '../../daemon/vault/recovery-key.ts';
import { rewrap } from '../../daemon/vault/rewrap.ts';
import { SessionKeys } from '../../daemon/vault/session-keys.ts';
import { listBatches } from '../../daemon/vault/staging.ts';
import { describeTree } from '../vault/disk-tree.ts';
import { entriesOf, noise, WALL, World } from '../vault/world.ts';

export const PASSPHRASE = 'golden passphrase é';
const DAY = 86_400_000;

async function* followedBy(entries: AsyncIterable<Entry>, more: readonly Entry[]): AsyncGenerator<Entry> {
  yield* entries;
  yield* more;
}

async function makeTree(folder: string): Promise<void> {
  const posix = await loadPosix();
  if (posix === undefined) throw new Error('koffi is missing');
  const at = (name: string) => Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name, 'latin1')]);
  await mkdir(at('deep'), { recursive: true });
  await mkdir(at('deep/er'));
  await mkdir(at('empty folder'));
  await writeFile(at('empty'), '');
  await writeFile(at('small'), 'a small file\n');
  await writeFile(at('deep/er/compressible'), 'All work and no play makes Jack a dull boy.\n'.repeat(40_000));
  await writeFile(at('deep/incompressible'), noise(300_000, 11));
  await writeFile(at('na\xffme'), 'the name is not UTF-8');
  await writeFile(at('line\nfeed'), 'the name has a line feed');
  await writeFile(at('zeichen \xc3\xbc'), 'the name is UTF-8');
  await link(at('deep/incompressible'), at('hard link'));
  await symlink('deep/er/../incompressible', at('symbolic link'));
  await symlink(Buffer.from('na\xffme', 'latin1'), at('link to bytes'));
  const sparse = await open(at('sparse'), 'w');
  await sparse.write(noise(50_000, 12), 0, 50_000, 3 << 20);
  await sparse.truncate(8 << 20);
  await sparse.close();
  posix.writeXattr(at('small'), { name: Buffer.from('user.note'), value: Buffer.from([0, 1, 255]) });
  posix.writeXattr(at('deep'), { name: Buffer.from('user.note'), value: Buffer.from('of a folder') });
  await chown(at('small'), 1234, 4321);
  await chmod(at('small'), 0o4640);
  await chmod(at('empty folder'), 0o1777);
  posix.setTimes(at('small'), -123_456_789n);
  posix.setTimes(at('deep/er'), 2_000_000_000_000_000_001n);
  const socket = createServer();
  socket.listen(join(folder, 'socket'));
  await once(socket, 'listening');
  const fifo = spawn('mkfifo', [join(folder, 'fifo')]);
  await once(fifo, 'exit');
}

const to = process.argv[2];
if (to === undefined) throw new Error('where to?');
const world = await World.create();
const second = createRecoveryKey(world.vaultId, world.verifyKey);
const expected: Record<string, unknown>[] = [];
const pull = async (path: string) => {
  const source = directorySource({ name: 'files', path, exclude: [] });
  return (await source.pull({ workdir: path, signal: new AbortController().signal })).entries;
};
const origin = join(world.folder, 'origin');
await makeTree(origin);
const WITHOUT = ['/socket', '/fifo'];
const trees: Record<string, Record<string, unknown>> = {};
const remember = async (name: string) => {
  const tree = await describeTree(origin);
  for (const path of WITHOUT) delete tree[path];
  trees[name] = tree;
};

// 1: to expire. 2: a directory. 3: changed, two recipients, another epoch. 4: a stream with a secret, of a source that was not read whole.
await world.seal(await pull(origin), { wall: WALL });
await world.ship();
await remember('first');
await world.seal(await pull(origin), { wall: WALL + DAY });
await world.ship();
expected.push({ seq: 2, status: 'complete', tree: 'first', opens: ['first.key', 'second.key', 'locked.key'] });

world.recipients = [world.key.publicKey, second.publicKey];
const { staging, vaultId, secrets, recipients } = world;
await stageRecipients({ staging, vaultId, secrets, recipients, wall: WALL + 2 * DAY });
await writeFile(join(origin, 'small'), 'changed since\n');
await writeFile(join(origin, 'new'), noise(20_000, 13));
await rm(join(origin, 'empty'));
await world.seal(await pull(origin), { wall: WALL + 2 * DAY });
await world.ship();
await remember('second');
expected.push({ seq: 3, status: 'complete', tree: 'second', opens: ['first.key', 'second.key', 'locked.key'] });

const stream = { token: Buffer.from('ghp_not_a_token'), 'dump.sql': noise(150_000, 14) };
const problem: Entry = { kind: 'problem', path: Buffer.from('unreadable'), reason: 'EACCES: permission denied' };
await world.seal(
  followedBy(
    entriesOf(stream, (path) => path === 'token'),
    [problem],
  ),
  {
    wall: WALL + 2 * DAY + 1000,
    source: { name: 'database', kind: 'command' },
  },
);
await world.ship();
const streamed = join(world.folder, 'streamed');
await world.restore('4').then(({ to: restored }) => rename(restored, streamed));
trees['stream'] = await describeTree(streamed);
expected.push({
  seq: 4,
  status: 'partial',
  tree: 'stream',
  missing: ['unreadable'],
  opens: ['first.key', 'second.key'],
});

// 5: the appliance doubts it.
await world.seal(entriesOf({ suspicious: Buffer.from('is it?') }), {
  wall: WALL + 3 * DAY,
  source: { name: 'doubted', kind: 'directory' },
});
const [batch] = await listBatches(staging);
const draft = join(staging, batch?.batch ?? '', 'draft.json');
await writeFile(draft, (await readFile(draft, 'utf8')).replace('"status":"complete"', '"status":"suspicious"'));
await world.ship();
await world.restore('5').then(({ to: restored }) => rename(restored, `${streamed}-5`));
trees['doubted'] = await describeTree(`${streamed}-5`);
expected.push({ seq: 5, status: 'suspicious', tree: 'doubted', opens: ['first.key', 'second.key'] });

// 6: a tombstone, and what it names is removed.
const cleared = new Set(world.heads);
const rules = { last: 2, floor: 1 };
await world.sweep({ rules, wall: WALL + 4 * DAY, graceMs: DAY, cleared });
await world.sweep({ rules, wall: WALL + 6 * DAY, graceMs: DAY, cleared });

const keys = new SessionKeys(world.store, world.key);
await rewrap(world.store, vaultId, (id) => keys.get(id), recipients);
// What an index says the footers say too.
const [index = ''] = (await world.objects()).filter((name) => name.startsWith('index/')).sort();
await rm(join(world.root, index));

await mkdir(to, { recursive: true });
await cp(world.root, join(to, 'vault'), { recursive: true });
await rm(join(to, 'vault', 'tmp'), { recursive: true, force: true });
await writeFile(join(to, 'first.key'), formatRecoveryKey(world.key));
await writeFile(join(to, 'second.key'), formatRecoveryKey(second));
await writeFile(join(to, 'locked.key'), await formatLockedKey(world.key, PASSPHRASE, 12));
const facts = { expired: [1], head: world.heads[0], wall: WALL + 6 * DAY, expected, trees };
await writeFile(
  join(to, 'expected.json'),
  `${JSON.stringify(facts, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value), 1)}\n`,
);
await world.cleanUp();
process.exit();
