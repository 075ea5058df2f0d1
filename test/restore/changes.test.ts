import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Change, changes, type Item } from '../../daemon/restore/compare.ts';
import { step, type Track } from '../../daemon/restore/history.ts';
import { parsePackedRefs, refChanges } from '../../daemon/restore/refs.ts';
import { comparePaths } from '../../daemon/vault/paths.ts';

const common = { mtimeNs: 0n, uid: 0, gid: 0 };
const blob = (of: number, place: number) => ({ blob: Buffer.alloc(32, of * 16 + place), offset: 0, length: 1 });
/** Small files have no hash in the list, and the same bytes may lie in another place. */
const file = fc.record({
  type: fc.constant('file' as const),
  mode: fc.constantFrom(0o644, 0o600),
  bytes: fc.integer({ min: 0, max: 3 }),
  place: fc.integer({ min: 0, max: 1 }),
  long: fc.boolean(),
});
const what = fc.oneof(
  file.map(({ bytes, place, long, ...rest }) => ({
    ...common,
    ...rest,
    size: 7,
    content: [blob(bytes, place)],
    ...(long ? { sha256: `hash of ${bytes}` } : {}),
    bytes,
  })),
  fc
    .record({ type: fc.constant('directory' as const), mode: fc.constantFrom(0o755, 0o700) })
    .map((one) => ({ ...common, ...one })),
  fc
    .record({
      type: fc.constant('symlink' as const),
      mode: fc.constant(0o777),
      target: fc.constantFrom('a', 'b').map(Buffer.from),
    })
    .map((one) => ({ ...common, ...one })),
  fc.record({ type: fc.constantFrom('problem' as const, 'skipped' as const), reason: fc.constantFrom('a', 'b') }),
);
const name = fc.constantFrom('a', 'a-b', 'a.b', 'b', 'ä', '0');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
const tree = fc.dictionary(path, what, { maxKeys: 20 });

async function* listOf(of: Record<string, object>): AsyncGenerator<Item> {
  const paths = Object.keys(of).map((one) => Buffer.from(one));
  for (const at of paths.sort(comparePaths)) yield { ...of[at.toString()], path: at } as Item;
}

const bytesOf = (item: object) => ('bytes' in item ? (item.bytes as number) : -1);

/** What somebody sees of an item: not where its bytes lie. */
function seen(item: object): unknown {
  const { content: _, sha256: __, path: ___, ...rest } = item as Record<string, unknown>;
  return { ...rest, ...('target' in rest ? { target: String(rest['target']) } : {}) };
}

describe('changes', () => {
  it('of any two trees lead from the first to the second, in order, and name nothing that is the same', async () => {
    await fc.assert(
      fc.asyncProperty(tree, tree, async (before, after) => {
        const found: Change[] = [];
        for await (const one of changes(listOf(before), listOf(after), async (a, b) => bytesOf(a) === bytesOf(b)))
          found.push(one);
        const applied = new Map(Object.entries(before).map(([at, item]) => [at, seen(item)]));
        for (const one of found) {
          const at = one.path.toString();
          if (one.change === 'removed') expect(applied.delete(at)).toBe(true);
          else {
            expect(applied.has(at)).toBe(one.change === 'changed');
            expect(seen(one.after)).not.toEqual(applied.get(at));
            applied.set(at, seen(one.after));
          }
        }
        expect(Object.fromEntries(applied)).toEqual(
          Object.fromEntries(Object.entries(after).map(([at, item]) => [at, seen(item)])),
        );
        const paths = found.map((one) => one.path);
        expect([...paths].sort(comparePaths)).toEqual(paths);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a file that goes on in a piece of the list that was not read', () => {
  const head = (of: object) => ({
    ...common,
    type: 'file',
    mode: 0o644,
    size: 9,
    content: [blob(1, 0)],
    path: Buffer.from('a'),
    ...of,
  });
  const cut = (of: object) => ({ type: 'cut', path: Buffer.from('a'), head: head(of) }) as unknown as Item;
  async function* only(item: Item) {
    yield item;
  }
  const told = async (a: Item, b: Item) => {
    const found: Change[] = [];
    const unread = () => Promise.reject(new Error('its bytes are not all known'));
    for await (const one of changes(only(a), only(b), unread)) found.push(one);
    return found.map((one) => (one.change === 'changed' ? one.what : one.change));
  };

  it('is told apart by its hash, and without one has changed', async () => {
    expect(await told(cut({ sha256: 'a' }), cut({ sha256: 'a' }))).toEqual([]);
    expect(await told(cut({ sha256: 'a' }), cut({ sha256: 'b' }))).toEqual([['content']]);
    expect(await told(cut({ sha256: 'a' }), head({ sha256: 'a' }) as unknown as Item)).toEqual([]);
    expect(await told(cut({}), cut({}))).toEqual([['content']]);
    expect(await told(cut({ sha256: 'a' }), cut({ sha256: 'a', mode: 0o600 }))).toEqual([['attributes']]);
  });
});

describe('refs', () => {
  it('are read out of packed-refs, and their changes lead from one to the other', () => {
    const id = (of: string) => of.repeat(40);
    const before = parsePackedRefs(
      `# pack-refs with: peeled fully-peeled sorted \n${id('a')} refs/heads/main\n${id('b')} refs/tags/v1\n^${id('c')}\nnonsense\n`,
    );
    expect([...before]).toEqual([
      ['refs/heads/main', id('a')],
      ['refs/tags/v1', id('b')],
    ]);
    const after = parsePackedRefs(`${id('d')} refs/heads/main\n${id('a')} refs/heads/new\n`);
    expect(refChanges(before, after)).toEqual([
      { change: 'moved', ref: 'refs/heads/main', before: id('a'), after: id('d') },
      { change: 'created', ref: 'refs/heads/new', after: id('a') },
      { change: 'deleted', ref: 'refs/tags/v1', before: id('b') },
    ]);
  });
});

describe('a history', () => {
  const follow = (states: readonly (string | undefined)[]) => {
    let track: Track | undefined;
    for (const [index, mark] of states.entries()) {
      const gone = mark?.endsWith('!') ? { gone: 'then' } : {};
      const now = mark === undefined ? undefined : { mark: mark.replace('!', ''), ...gone };
      track = step(track, { seq: index + 1, time: `t${index + 1}` }, now);
    }
    return track;
  };
  const told = (states: readonly (string | undefined)[]) =>
    follow(states)?.sightings.map(({ seq, what: one }) => `${seq} ${one}`);

  it('tells what came, changed, went and came back', () => {
    expect(told([undefined, 'a', 'a', 'b', undefined, undefined, 'b'])).toEqual([
      '2 appeared',
      '4 changed',
      '5 vanished',
      '7 returned',
    ]);
    expect(told(['a', 'a!', 'a!', undefined, 'a'])).toEqual(['1 appeared', '2 gone', '4 vanished', '5 returned']);
    expect(told(['a!', 'b'])).toEqual(['1 appeared', '1 gone', '2 returned']);
    expect(follow([undefined])).toBeUndefined();
  });

  it('was last where the origin last had it', () => {
    expect(follow(['a', 'b', 'b!', 'b!'])).toMatchObject({
      first: { seq: 1 },
      last: { seq: 2 },
      now: { gone: 'then' },
    });
    expect(follow(['a', undefined])).toMatchObject({ last: { seq: 1 }, now: undefined });
  });
});
