import { describe, expect, it } from 'vitest';
import { extrasFromJson, xattrsToJson } from '../../daemon/vault/extras.ts';

const name = Buffer.from('user.x');

describe('attributes, links and holes of a line', () => {
  it('come back as they were', () => {
    const extras = {
      xattrs: [
        { name, value: Buffer.from([0, 255]) },
        { name: Buffer.from('user.\xff', 'latin1'), value: Buffer.alloc(0) },
      ],
      link: 7,
      holes: [
        [0, 5],
        [5, 1],
        [9, 1],
      ] as const,
    };
    const line: unknown = JSON.parse(JSON.stringify({ ...extras, xattrs: xattrsToJson(extras.xattrs), size: 10 }));
    expect(extrasFromJson(line as object)).toEqual(extras);
  });

  it.each([
    ['no list', { xattrs: 'x' }],
    ['an empty name', { xattrs: [['', '']] }],
    ['a name with a zero byte', { xattrs: [['user.\0', '']] }],
    ['a name that is too long', { xattrs: [['x'.repeat(256), '']] }],
    ['no base64', { xattrs: [['user.x', '?']] }],
    ['a value that is too long', { xattrs: [['user.x', Buffer.alloc(65_537).toString('base64')]] }],
    ['too many', { xattrs: Array(1025).fill(['user.x', '']) }],
    ['too much', { xattrs: Array(17).fill(['user.x', Buffer.alloc(65_000).toString('base64')]) }],
    ['link 0', { link: 0 }],
    ['half a link', { link: 1.5 }],
    ['a hole beyond the end', { holes: [[0, 11]] }],
    ['an empty hole', { holes: [[0, 0]] }],
    [
      'holes that overlap',
      {
        holes: [
          [0, 5],
          [4, 1],
        ],
      },
    ],
    ['a hole before the beginning', { holes: [[-1, 3]] }],
    ['too many holes', { holes: Array.from({ length: 4097 }, (_, at) => [at * 2, 1]) }],
  ])('are left out and told: %s', (_, line) => {
    const extras = extrasFromJson({ size: 10, ...line });
    expect(Object.keys(extras)).toEqual(['unusable']);
    expect(extras.unusable).toContain(Object.keys(line)[0]);
  });
});
