import { describe, expect, it } from 'vitest';
import type { Json } from '../../daemon/base/canonical.ts';
import { type Book, EMPTY_BOOK, note } from '../../daemon/keeper/book.ts';
import { acceptableHeads } from '../../daemon/keeper/chain.ts';

const NONE = '0'.repeat(64);

function read(...entries: [type: string, data: { [key: string]: Json }, wall?: number][]): Book {
  return entries.reduce((book, [type, data, wall = 0]) => note(book, { type, data, wall }), EMPTY_BOOK);
}

const committed = (source: string, seq: number, sealedWall: number) =>
  [
    'snapshot.committed',
    { source, seq, head: `head-${seq}`, snapshot: `s${seq}`, sealedWall, files: 1, bytes: 2, partial: false },
  ] as [string, { [key: string]: Json }];

describe('what the keeper remembers', () => {
  it('accepts the head it committed, and every one it signed after it', () => {
    expect(acceptableHeads(read().chain, NONE)).toEqual([NONE]);
    const book = read(
      committed('a', 1, 10),
      ['snapshot.signed', { seq: 2, head: 'h2' }],
      ['snapshot.signed', { seq: 2, head: 'h2b' }],
    );
    expect(acceptableHeads(book.chain, NONE).sort()).toEqual(['h2', 'h2b', 'head-1']);
  });

  it('accepts only the committed head once the commit is known', () => {
    const book = read(committed('a', 1, 10), ['snapshot.signed', { seq: 2, head: 'head-2' }], committed('a', 2, 20));
    expect(acceptableHeads(book.chain, NONE)).toEqual(['head-2']);
  });

  it('forgets a failure when a later snapshot of the same source is committed, and not before', () => {
    const failed = ['seal.failed', { source: 'a', what: 'gone' }, 15] as [string, { [key: string]: Json }, number];
    expect(read(failed, committed('a', 1, 10)).lastFailures.get('a')?.what).toBe('gone');
    expect(read(failed, committed('b', 1, 20)).lastFailures.get('a')?.what).toBe('gone');
    expect(read(failed, committed('a', 1, 20)).lastFailures.size).toBe(0);
  });

  it('claims no read-back that its entry does not tell', () => {
    const readBack = (more: { [key: string]: Json }) => {
      const [type, data] = committed('a', 1, 10);
      return read([type, { ...data, ...more }]).lastSnapshots.get('a')?.readBack;
    };
    expect([readBack({ cachedBytes: 0 }), readBack({ cachedBytes: 1 }), readBack({})]).toEqual([
      'direct',
      'cached',
      'cached',
    ]);
  });

  it('knows the newest gate record, to recognise one that is sent again', () => {
    expect(read(['gate.tripped', { boot: 'x', seq: 7 }]).gate).toEqual({ boot: 'x', seq: 7 });
  });

  it('knows for which window everything was sealed, and does not take a beginning for it', () => {
    expect(read(['seal.started', { source: 'a', window: 500 }]).sealedFor).toBe(0);
    expect(
      read(['sealing.finished', { window: 500, failed: 0 }], ['sealing.finished', { window: 0, failed: 1 }]).sealedFor,
    ).toBe(500);
  });
});
