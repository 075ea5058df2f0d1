/**
 * A test for relative paths against one glob pattern. `*` is any run of characters but `/`, `?` one character but `/`,
 * `**` any run of characters; a `**` between slashes also stands for no folder at all, so that `**`+`/x` matches `x`.
 * Everything else stands for itself. The whole path must match; slashes around the pattern are ignored.
 */
export function globTest(pattern: string): (path: string) => boolean {
  const source = pattern
    .replace(/^\/+|\/+$/g, '')
    .replace(/(?<=^|\/)\*{2,}\/|\*{2,}|\*|\?|[\\^$.|+()[\]{}]/g, (token) => {
      if (token.endsWith('*/')) return '(?:.*/)?';
      if (token.startsWith('**')) return '.*';
      if (token === '*') return '[^/]*';
      if (token === '?') return '[^/]';
      return `\\${token}`;
    });
  const expression = new RegExp(`^${source}$`, 'su');
  return (path) => expression.test(path);
}

/** A test for raw paths against several patterns: one has to match. */
export function globsTest(patterns: readonly string[]): (path: Buffer) => boolean {
  const tests = patterns.map(globTest);
  return (path) => {
    if (tests.length === 0) return false;
    const text = path.toString('utf8');
    return tests.some((test) => test(text));
  };
}
