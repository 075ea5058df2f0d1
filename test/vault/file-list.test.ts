import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { canonical } from '../../daemon/base/canonical.ts';
import { decodeList, encodeFile, encodeListed, type ListEvent } from '../../daemon/vault/file-list.ts';
import { comparePaths, isSafePath, isUnder, showPath } from '../../daemon/vault/paths.ts';
import { type Reference, ReferenceList } from '../../daemon/vault/reference.ts';
import { openVault } from '../../daemon/vault/vault.ts';
import { type Tree, World } from './world.ts';

const attributes = { mode: 0o644, mtimeNs: -5n, uid: 1, gid: 2 };

async function decode(...parts: (Buffer | undefined)[]): Promise<ListEvent[]> {
  const events: ListEvent[] = [];
  const source = async function* () {
    yield* parts;
  };
  for await (const event of decodeList(source())) events.push(event);
  return events;
}

function longFile(pieces: number): { lines: Buffer[]; references: Reference[] } {
  const references = Array.from({ length: pieces }, (_, offset) => ({ blob: randomBytes(32), offset, length: 7 }));
  const list = new ReferenceList();
  for (const reference of references) list.push(reference);
  const path = Buffer.from('long');
  return {
    references,
    lines: encodeFile({ ...attributes, path, size: pieces * 7, sha256: undefined }, list),
  };
}

describe('the file list', () => {
  it('carries a file of many references over several lines and pieces', async () => {
    const { lines, references } = longFile(2_500);
    expect(lines).toHaveLength(3);
    const after = encodeListed({ ...attributes, type: 'directory', path: Buffer.from('na\xff', 'latin1') });
    for (const parts of [[Buffer.concat([...lines, after])], [...lines, after]]) {
      const [file, directory] = await decode(...parts);
      expect(file).toMatchObject({ type: 'file', size: 17_500, content: references, mtimeNs: -5n });
      expect(directory).toMatchObject({ type: 'directory', path: Buffer.from('na\xff', 'latin1') });
    }
  });

  it('is written in canonical JSON', () => {
    const xattrs = [{ name: Buffer.from('user.n\xffme', 'latin1'), value: Buffer.from('value') }];
    const extras = { problem: 'a "problem"\n', xattrs, link: 3, holes: [[0, 5] as const] };
    const path = Buffer.from('näme\u2028');
    const list = new ReferenceList();
    for (let index = 0; index < 1_001; index++) list.push({ blob: randomBytes(32), offset: index, length: 7 });
    const lines = [
      encodeListed({ ...attributes, ...extras, type: 'directory', path }),
      encodeListed({ ...attributes, ...extras, type: 'symlink', path, target: Buffer.from('t\xff', 'latin1') }),
      encodeListed({ type: 'problem', path, reason: 'why' }),
      ...encodeFile({ ...attributes, ...extras, path, size: 7_007, sha256: 'ab'.repeat(32) }, list),
      ...encodeFile({ ...attributes, path, size: 0, sha256: undefined }, new ReferenceList()),
    ];
    expect(lines).toHaveLength(6);
    for (const line of lines) expect(`${canonical(JSON.parse(line.toString()))}\n`).toBe(line.toString());
  });

  it('gives no file whose references are not all there', async () => {
    const { lines } = longFile(2_500);
    const [one, two, three] = lines;
    const after = encodeListed({ ...attributes, type: 'directory', path: Buffer.from('z') });
    const cut = { type: 'cut', path: Buffer.from('long') };
    expect(await decode(one, undefined, three, after)).toMatchObject([cut, { type: 'directory' }]);
    expect(await decode(one, two, after)).toMatchObject([cut, { type: 'directory' }]);
    expect(await decode(one, two)).toMatchObject([cut]);
    expect(await decode(undefined, two, three, after)).toMatchObject([{ type: 'directory' }]);
  });

  it('refuses paths that leave their folder', async () => {
    for (const path of ['../x', '/x', 'a/../b', 'a//b', '.', 'a/', '', 'a\0b']) {
      expect(isSafePath(Buffer.from(path)), path).toBe(false);
      const line = Buffer.from(`${JSON.stringify({ path, type: 'problem', reason: 'x' })}\n`);
      const after = encodeListed({ ...attributes, type: 'directory', path: Buffer.from('z') });
      expect(await decode(Buffer.concat([line, after])), path).toMatchObject([
        { type: 'unreadable', reason: expect.stringContaining('leaves its folder') },
        { type: 'directory' },
      ]);
    }
    expect(isSafePath(Buffer.from('a/..b/.c'))).toBe(true);
  });

  it('goes on past lines of later versions, and tells their paths', async () => {
    const lines = [
      { path: 'fifo', type: 'fifo', mode: 420 },
      { type: 'later' },
      { path: 'short', type: 'directory' },
      { ...JSON.parse(encodeListed({ ...attributes, type: 'directory', path: Buffer.from('z') }).toString()), acl: {} },
    ];
    const [fifo, later, short, z] = await decode(
      Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join('')),
    );
    expect(fifo).toMatchObject({
      type: 'unreadable',
      path: Buffer.from('fifo'),
      reason: expect.stringContaining('"fifo"'),
    });
    expect(later).toMatchObject({ type: 'unreadable', reason: expect.stringContaining('"later"') });
    expect(short).toMatchObject({ type: 'unreadable', path: Buffer.from('short') });
    expect(z).toMatchObject({ type: 'directory', path: Buffer.from('z') });
  });

  it('orders a folder before what is in it, and that before its longer namesakes', () => {
    const paths = ['a', 'a/b', 'a/b/c', 'a/c', 'a.b', 'a0', 'b'].map((path) => Buffer.from(path));
    expect([...paths].reverse().sort(comparePaths)).toEqual(paths);
    expect(paths.filter((path) => isUnder(path, Buffer.from('a'))).map(String)).toEqual(['a', 'a/b', 'a/b/c', 'a/c']);
  });

  it('shows no control characters', () => {
    expect(showPath(Buffer.from('a\u001b[31m\n'))).toBe('a\\x1b[31m\\x0a');
    expect(showPath(Buffer.from([0x61, 0xff]))).toBe('a\\xff');
  });

  it('is found by path in many pieces as in one', async () => {
    const world = await World.create();
    try {
      const tree: Tree = {};
      for (let folder = 0; folder < 40; folder++) {
        tree[`d${folder}`] = null;
        for (let file = 0; file < 60; file++) tree[`d${folder}/f${file}`] = Buffer.from(`${folder} ${file}`);
      }
      // In tree order and out of it: the reader may skip pieces only in the first case.
      for (const ordered of [true, false]) {
        const paths = Object.keys(tree).sort((a, b) => comparePaths(Buffer.from(a), Buffer.from(b)));
        if (!ordered) paths.push(...paths.splice(1, 1));
        const entries = async function* () {
          for (const path of paths) {
            const common = { ...attributes, path: Buffer.from(path) };
            const content = tree[path];
            if (Buffer.isBuffer(content)) {
              const open = async function* () {
                yield content;
              };
              yield { ...common, kind: 'file', content: { from: 'stream', open } } as const;
            } else yield { ...common, kind: 'directory' } as const;
          }
        };
        await world.seal(entries());
        await world.ship();
        const vault = await openVault(world.store, world.key);
        const snapshot = (await vault.snapshots()).at(-1)!;
        const manifest = await vault.manifest(snapshot);
        expect(manifest.ordered).toBe(ordered);
        expect(manifest.list.length).toBeGreaterThan(1);
        for (const prefix of ['', 'd7', 'd31', 'd39/f59', 'd0', 'd0/f0', 'd3']) {
          const found: string[] = [];
          for await (const { path } of vault.listFiles(snapshot, Buffer.from(prefix))) found.push(path.toString());
          expect(found).toEqual(paths.filter((path) => isUnder(Buffer.from(path), Buffer.from(prefix))));
        }
      }
    } finally {
      await world.cleanUp();
    }
  });
});
