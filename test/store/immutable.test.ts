import { execFile } from 'node:child_process';
import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import {
  chown,
  link,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  stat,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryStore } from '../../daemon/store/directory.ts';
import { ImmutableDirectory } from '../../daemon/store/immutable.ts';
import { whyWriterMayClear } from '../../daemon/store/immutable-canary.ts';
import { IMMUTABLE_LAYOUT } from '../../daemon/vault/immutable-layout.ts';
import { FILE_SYSTEMS, type FileSystem, type LoopDisk, loopDisk, noLoopDisk } from './loop-disk.ts';

const run = promisify(execFile);
const WRITER = 65_534;
const HASH = 'ab'.repeat(32);
const OBJECT = `packs/ab/${HASH}`;
const reasons = new Map<FileSystem, string>();
for (const kind of FILE_SYSTEMS) {
  const reason = await noLoopDisk(kind);
  if (reason === undefined) continue;
  reasons.set(kind, reason);
  process.stderr.write(`immutable.test.ts skips ${kind}: ${reason}\n`);
}

describe.each(FILE_SYSTEMS.map((kind) => ({ kind })))('an immutable directory store on $kind', ({ kind }) => {
  let disk: LoopDisk;
  let box: string;
  let root: string;
  let store: DirectoryStore;
  let immutable: ImmutableDirectory;

  beforeAll(async () => {
    if (!reasons.has(kind)) disk = await loopDisk(kind);
  });
  afterAll(() => disk?.unmount());
  beforeEach(async ({ skip }) => {
    skip(reasons.has(kind), reasons.get(kind));
    box = await mkdtemp(join(disk.path, 'box-'));
    await chown(box, WRITER, WRITER);
    root = join(box, 'vault');
    await mkdir(root);
    store = new DirectoryStore(root);
    await store.put('FORMAT', Buffer.from('{}'));
    await store.put(OBJECT, Buffer.from('bytes'));
    await store.put(`index/${HASH}`, Buffer.from('index'));
    await giveToWriter();
    immutable = await ImmutableDirectory.open(root);
  });
  afterEach(() => {
    if (!reasons.has(kind)) immutable.close();
  });

  async function giveToWriter(): Promise<void> {
    for (const name of ['', ...(await readdir(root, { recursive: true }))]) chownSync(join(root, name), WRITER, WRITER);
    // By its mode it could be written.
    chmodSync(join(root, OBJECT), 0o600);
  }

  /** What a process of the appliance's user got for each attempt on OBJECT. */
  async function attempts(): Promise<Record<string, string>> {
    const script = fileURLToPath(new URL('writer.ts', import.meta.url));
    const args = ['--import', 'tsx', script, join(root, OBJECT), join(box, 'elsewhere'), String(WRITER)];
    return JSON.parse((await run(process.execPath, args)).stdout) as Record<string, string>;
  }

  const NEVER = [
    'write',
    'append',
    'truncate',
    'chmod',
    'link',
    'rename away',
    'rename onto',
    'move its folder',
    "move its folder's folder",
    'move the store',
    'clear the flag',
    'unlink',
  ];

  it("refuses the appliance's user everything that would harm an object", async () => {
    expect(await immutable.protect(IMMUTABLE_LAYOUT)).toEqual({ added: 3, total: 3, left: 0 });
    const told = await attempts();
    expect(told).toEqual(Object.fromEntries(NEVER.map((name) => [name, 'EPERM'])));
    expect(await readFile(join(root, OBJECT), 'utf8')).toBe('bytes');
    expect((await stat(join(root, OBJECT))).nlink).toBe(1);
  });

  it('that was not protected lets the same attempts through', async () => {
    const told = await attempts();
    expect(
      Object.entries(told)
        .filter(([, code]) => code === 'done')
        .map(([name]) => name),
    ).toEqual(expect.arrayContaining(['chmod', 'link', 'rename away']));
    await expect(stat(join(root, OBJECT))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('goes on taking new objects, and says held of those it keeps', async () => {
    await immutable.protect(IMMUTABLE_LAYOUT);
    const other = 'cd'.repeat(32);
    await store.put(`packs/cd/${other}`, Buffer.from('more'));
    await store.put(`packs/ab/${'ab'.repeat(31)}00`, Buffer.from('more'));
    await store.put(`manifests/${other}`, Buffer.from('more'));
    expect(await readdir(join(root, 'tmp'))).toEqual([]);
    expect(await store.remove(OBJECT)).toBe('held');
    expect(await store.remove(`manifests/${other}`)).toBe('gone');
    expect(await immutable.protect(IMMUTABLE_LAYOUT)).toEqual({ added: 2, total: 5, left: 0 });
    await expect(store.put(OBJECT, Buffer.from('x'))).rejects.toMatchObject({ code: 'store.exists' });
  });

  it('lets go of exactly what it is told to', async () => {
    await immutable.protect(IMMUTABLE_LAYOUT);
    const since = immutable.since(OBJECT);
    expect(since).toBeGreaterThan(0);
    expect(await immutable.release([OBJECT, `packs/ab/${'00'.repeat(32)}`, `manifests/${HASH}`])).toBe(1);
    expect(immutable.since(OBJECT)).toBeUndefined();
    expect(immutable.since(`index/${HASH}`)).toBeGreaterThan(0);
    expect(await store.remove(`index/${HASH}`)).toBe('held');
    expect(await store.remove(OBJECT)).toBe('gone');
  });

  it('dates an object from when it became immutable', async () => {
    const written = (await stat(join(root, OBJECT))).ctimeMs;
    await immutable.protect(IMMUTABLE_LAYOUT);
    const since = immutable.since(OBJECT) ?? 0;
    expect(since).toBeGreaterThanOrEqual(written);
    expect(since).toBe((await stat(join(root, OBJECT))).ctimeMs);
    await immutable.protect(IMMUTABLE_LAYOUT);
    expect(immutable.since(OBJECT)).toBe(since);
  });

  it('leaves alone tmp/, what is not named like an object, what is unfinished, and whatever a link leads to', async () => {
    const outside = join(box, 'outside');
    await mkdir(outside);
    await writeFile(join(outside, HASH), 'somebody else’s');
    await symlink(outside, join(root, 'manifests'));
    await symlink(join(outside, HASH), join(root, 'packs', 'ab', `ab${'0'.repeat(62)}`));
    await writeFile(join(root, 'tmp', HASH), 'under way');
    await writeFile(join(root, 'notes'), 'x');
    await writeFile(join(root, 'index', 'notes'), 'x');
    await writeFile(join(root, 'index', 'cd'.repeat(32)), '');
    await link(join(root, OBJECT), join(root, 'tmp', 'unfinished'));
    expect(await immutable.protect(IMMUTABLE_LAYOUT)).toEqual({ added: 2, total: 2, left: 2 });
    expect(await immutable.release([`manifests/${HASH}`])).toBe(0);
    for (const path of ['tmp/unfinished', 'index/notes']) await unlink(join(root, path));
    // Whatever it is, the store's own folder lets no name go.
    await expect(unlink(join(root, 'notes'))).rejects.toMatchObject({ code: 'EPERM' });
    await store.settle();
    expect(await immutable.protect(IMMUTABLE_LAYOUT)).toMatchObject({ total: 3, left: 1 });
    await writeFile(join(outside, HASH), 'still writable');
  });

  it('is the directory that was opened, not what has its name by now', async () => {
    await rename(root, `${root}-moved`);
    await mkdir(dirname(join(root, OBJECT)), { recursive: true });
    await writeFile(join(root, OBJECT), 'decoy');
    await immutable.protect(IMMUTABLE_LAYOUT);
    await writeFile(join(root, OBJECT), 'still writable');
    expect(await new DirectoryStore(immutable.path).size(OBJECT)).toBe(5);
  });

  it('counts nothing as protected that somebody still has open for writing', async () => {
    await writeFile(join(root, 'index', 'cd'.repeat(32)), 'x');
    const held = await open(join(root, 'index', 'cd'.repeat(32)), 'r+');
    try {
      expect(await immutable.protect(IMMUTABLE_LAYOUT)).toEqual({ added: 3, total: 3, left: 1 });
      expect(await immutable.protect(IMMUTABLE_LAYOUT)).toEqual({ added: 0, total: 3, left: 1 });
    } finally {
      await held.close();
    }
    expect(await immutable.protect(IMMUTABLE_LAYOUT)).toEqual({ added: 0, total: 4, left: 0 });
  });

  it('can be protected twice at once, and what one has done the other finds done', async () => {
    const hashes = Array.from({ length: 600 }, (_, at) => at.toString(16).padStart(4, '0').padEnd(64, '0'));
    for (const hash of hashes) writeFileSync(join(root, 'index', hash), 'x');
    const [one, other] = await Promise.all([immutable.protect(IMMUTABLE_LAYOUT), immutable.protect(IMMUTABLE_LAYOUT)]);
    expect(one.added + other.added).toBe(603);
    expect([one.total, other.total]).toEqual([603, 603]);
  });
});

describe('where there are no immutable files', () => {
  it('says so of a file system without them, and of a store that is not there', async () => {
    await expect(ImmutableDirectory.open('/nowhere')).rejects.toMatchObject({ code: 'store.gone' });
    const immutable = await ImmutableDirectory.open('/proc/self');
    try {
      const layout = { folders: [''], holders: [], isObject: (name: string) => name === 'status' };
      await expect(immutable.protect(layout)).rejects.toMatchObject({
        code: 'store.unprotected',
        message: expect.stringContaining('no immutable files'),
      });
    } finally {
      immutable.close();
    }
  });
});

describe('who ships', () => {
  const why = (properties: Record<string, string>, root = false) =>
    whyWriterMayClear('keeper.service', new Map(Object.entries(properties)), root);

  it('is the unit where there is one, and else who asks', () => {
    expect(why({ LoadState: 'loaded', User: 'keeper' }, true)).toBeUndefined();
    expect(why({ LoadState: 'loaded', User: '' })).toContain('root');
    expect(why({ LoadState: 'not-found' }, true)).toContain('root');
    expect(why({}, true)).toContain('root');
    expect(why({})).toBeUndefined();
    const capabilities = 'cap_chown cap_linux_immutable';
    expect(why({ LoadState: 'loaded', User: 'keeper', AmbientCapabilities: capabilities })).toContain('keeper.service');
  });
});
