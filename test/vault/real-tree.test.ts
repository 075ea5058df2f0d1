import { chmod, chown, link, mkdir, open, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadPosix, type Posix } from '../../daemon/files/posix.ts';
import { directorySource } from '../../daemon/sources/directory.ts';
import { formatRecoveryKey } from '../../daemon/vault/key-file.ts';
import { describeTree } from './disk-tree.ts';
import { python, runReader } from './reader.ts';
import { noise, World } from './world.ts';

/** Trees on a real file system, with all that one can have: sealed, restored, compared. */

const posix = (await loadPosix()) as Posix;
const root = process.geteuid?.() === 0;
const MIB = 1 << 20;

const name = fc
  .array(
    fc.integer({ min: 1, max: 255 }).filter((byte) => byte !== 0x2f),
    { minLength: 1, maxLength: 10 },
  )
  .map((bytes) => Buffer.from(bytes).toString('latin1'))
  .filter((text) => text !== '.' && text !== '..');

/** A POSIX ACL that gives one more user the right to read. */
const ACL = Buffer.concat([
  Buffer.from('02000000', 'hex'),
  ...[
    [0x01, 6, 0xffffffff],
    [0x02, 4, 1337],
    [0x04, 4, 0xffffffff],
    [0x10, 6, 0xffffffff],
    [0x20, 4, 0xffffffff],
  ].map(([tag = 0, rights = 0, id = 0]) => {
    const entry = Buffer.alloc(8);
    entry.writeUInt16LE(tag, 0);
    entry.writeUInt16LE(rights, 2);
    entry.writeUInt32LE(id, 4);
    return entry;
  }),
]);

const common = fc.record({
  mode: fc.integer({ min: 0, max: 0o777 }).map((mode) => mode | 0o600),
  mtimeNs: fc.bigInt({ min: -(10n ** 18n), max: 4n * 10n ** 18n }),
  owner: fc.integer({ min: 0, max: 65_000 }),
  xattrs: fc.dictionary(
    fc.stringMatching(/^[a-z]{1,8}$/),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    { maxKeys: 3 },
  ),
  acl: fc.boolean(),
});

const what = fc.oneof(
  fc.record({
    type: fc.constant('file' as const),
    /** Data at these MiB, holes between them and after them. */
    data: fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { maxLength: 3 }),
    size: fc.integer({ min: 0, max: 7 * MIB }),
    seed: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({ type: fc.constant('small' as const), bytes: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ type: fc.constant('link' as const), to: fc.nat() }),
  fc.record({ type: fc.constant('symlink' as const), target: name }),
  fc.record({ type: fc.constant('directory' as const) }),
);

const trees = fc.uniqueArray(fc.record({ name, what, common, inside: fc.nat() }), {
  minLength: 1,
  maxLength: 12,
  selector: (one) => one.name,
});
type Plan = ReturnType<typeof trees.generate>['value'];

/** Makes the tree; every entry goes into one of the folders made before it. */
async function make(folder: string, plan: Plan): Promise<void> {
  const folders: string[] = [''];
  const files: Buffer[] = [];
  const late: (() => Promise<void>)[] = [];
  for (const { name: own, what: kind, common: attributes, inside } of plan) {
    const path = `${folders[inside % folders.length]}/${own}`;
    const at = Buffer.concat([Buffer.from(folder), Buffer.from(path, 'latin1')]);
    if (kind.type === 'link') {
      const first = files[kind.to % Math.max(files.length, 1)];
      if (first !== undefined) await link(first, at);
      continue;
    }
    if (kind.type === 'directory') {
      await mkdir(at);
      folders.push(path);
    } else if (kind.type === 'symlink') await symlink(Buffer.from(kind.target, 'latin1'), at);
    else {
      files.push(at);
      if (kind.type === 'small') await writeFile(at, kind.bytes);
      else {
        const file = await open(at, 'w');
        for (const mib of kind.data) await file.write(noise(50_000, kind.seed), 0, 50_000, mib * MIB);
        await file.truncate(kind.size);
        await file.close();
      }
    }
    late.unshift(async () => {
      const symbolic = kind.type === 'symlink';
      if (!symbolic) {
        for (const [key, value] of Object.entries(attributes.xattrs)) {
          posix.writeXattr(at, { name: Buffer.from(`user.${key}`), value });
        }
        if (root) await chown(at, attributes.owner, attributes.owner);
        if (attributes.acl) posix.writeXattr(at, { name: Buffer.from('system.posix_acl_access'), value: ACL });
        else await chmod(at, attributes.mode);
      }
      posix.setTimes(at, attributes.mtimeNs);
    });
  }
  for (const set of late) await set();
}

describe.skipIf(posix === undefined)('any tree of a real file system', () => {
  let world: World;
  let key: string;
  beforeEach(async () => {
    world = await World.create();
    key = join(world.folder, 'recovery.key');
    await writeFile(key, formatRecoveryKey(world.key));
  });
  afterEach(() => world.cleanUp());

  it('comes back with attributes, ACLs, owners, hard links, holes and nanoseconds', async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(trees, async (plan) => {
        round++;
        const origin = join(world.folder, `origin-${round}`);
        await mkdir(origin);
        await make(origin, plan);
        const source = directorySource({ name: 'files', path: origin, exclude: [] });
        const { entries } = await source.pull({ workdir: origin, signal: new AbortController().signal });
        expect((await world.seal(entries)).problems).toEqual([]);
        await world.ship();
        const expected = await describeTree(origin);
        const { restored, to } = await world.restore(String(round));
        expect(restored.failures).toEqual([]);
        expect(await describeTree(to)).toEqual(expected);
        if (python !== undefined && round % 4 === 1) {
          const other = join(world.folder, `python-${round}`);
          expect(await runReader(world.root, key, 'restore', String(round), other)).toMatchObject({
            status: 0,
            err: '',
          });
          expect(await describeTree(other)).toEqual(expected);
          await rm(other, { recursive: true });
        }
        await rm(origin, { recursive: true });
        await rm(to, { recursive: true });
      }),
      { numRuns: 20, endOnFailure: true },
    );
  }, 300_000);
});
