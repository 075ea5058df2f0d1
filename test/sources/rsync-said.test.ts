import { describe, expect, it } from 'vitest';
import { rsyncPatterns } from '../../daemon/sources/rsync-filter.ts';
import { readLine, whyFailed } from '../../daemon/sources/rsync-said.ts';

describe('what rsync says', () => {
  it.each([
    [
      'rsync: [sender] send_files failed to open "/d/x y": Permission denied (13)',
      '/d/x y',
      'cannot be copied (Permission denied)',
    ],
    [
      'rsync: [sender] opendir "/d/closed" failed: Permission denied (13)',
      '/d/closed',
      'cannot be copied (Permission denied)',
    ],
    [
      'rsync: [sender] readlink_stat("/d/l") failed: Input/output error (5)',
      '/d/l',
      'cannot be copied (Input/output error)',
    ],
    ['rsync: opendir "/d/old" failed: Permission denied (13)', '/d/old', 'cannot be copied (Permission denied)'],
    ['file has vanished: "/d/t\\#012mp"', '/d/t\nmp', 'it vanished while it was copied'],
    ['ERROR: b/busy failed verification -- update discarded.', 'b/busy', 'it changed while it was copied'],
  ])('%s', (line, name, why) => {
    expect(readLine(line)).toEqual({ kind: 'problem', name, why });
  });

  it.each([
    ['rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c(1338)', 'nothing'],
    ['WARNING: x failed verification -- update discarded (will try again).', 'nothing'],
    ['>f', 'copied'],
    ['skipping non-regular file "fifo"', 'skipped'],
    ['rsync: [sender] change_dir "/d" failed: No such file or directory (2)', 'no root'],
    ['rsync: [receiver] write failed on "/w/x": No space left on device (28)', 'full'],
    ['something new', 'other'],
  ])('%s is %s', (line, kind) => {
    expect(readLine(line).kind).toBe(kind);
  });

  it('says what to do about a failure', () => {
    const why = (status: number, ...lines: string[]) => whyFailed(status, lines, 'nas');
    expect(why(255, '@@@', 'WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!')).toMatch(/Find out why before/);
    expect(why(255, 'me@nas: Permission denied (publickey).')).toMatch(/authorized_keys/);
    expect(why(127, 'sh: 1: rsync: not found')).toMatch(/not installed on nas/);
    expect(why(4, 'rsync: ACLs are not supported on this server')).toMatch(/attributes: false/);
    expect(why(30, '')).toBe('rsync ended with status 30: it said nothing');
  });
});

describe('patterns for rsync', () => {
  it.each([
    ['a/b', ['/a/b']],
    ['/a/', ['/a']],
    ['**/x', ['/**/x', '/x']],
    ['a/**/x', ['/a/**/x', '/a/x']],
    ['a[1]', ['/a\\[1]']],
    ['*.[ch]', ['/*.\\[ch]']],
    ['back\\slash', ['/back\\slash']],
    ['two\nlines', []],
    ['**/a/**/b/**/c/**/d/**/e', []],
  ])('%j is %j', (glob, expected) => {
    expect(rsyncPatterns([glob])).toEqual(expected);
  });
});
