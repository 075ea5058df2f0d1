import { expect, it } from 'vitest';
import { globTest } from '../../daemon/sources/glob.ts';

it.each([
  ['*.log', ['a.log', '.log'], ['a.log.1', 'x/a.log', 'alog']],
  ['**/*.log', ['a.log', 'x/a.log', 'x/y/a.log'], ['a.txt', 'x/a.log/b']],
  ['cache', ['cache'], ['cache/x', 'x/cache', 'cached']],
  ['/cache/', ['cache'], ['x/cache']],
  ['**/node_modules', ['node_modules', 'a/b/node_modules'], ['a/node_modules_old', 'xnode_modules']],
  ['a/**/b', ['a/b', 'a/x/b', 'a/x/y/b'], ['ab', 'a/xb', 'x/a/b']],
  ['tmp/**', ['tmp/a', 'tmp/a/b'], ['tmp', 'tmpa']],
  ['a**b', ['ab', 'axb', 'a/x/b'], ['a', 'b']],
  ['file?', ['file1', 'fileä', 'file🙂'], ['file', 'file12', 'file/']],
  ['a+(b)[c]{d}^$|\\.x', ['a+(b)[c]{d}^$|\\.x'], ['aab', 'a+(b)c']],
  ['*', ['a', 'a\nb', '.hidden'], ['a/b']],
])('%s', (pattern, matching, others) => {
  const test = globTest(pattern);
  for (const path of matching) expect(test(path), path).toBe(true);
  for (const path of others) expect(test(path), path).toBe(false);
});
