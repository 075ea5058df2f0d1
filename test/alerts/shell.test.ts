import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EffortSpent } from '../../daemon/alerts/effort.ts';
import { readShell } from '../../daemon/alerts/shell.ts';
import { quoted, told } from '../../daemon/alerts/shell-programs.ts';

const runs = { seed: 20260425, numRuns: 500 };
const words = (line: string) =>
  readShell(line, 'posix').pipelines.map((programs) => programs.map(({ words }) => words));

describe('a command line is read as a shell reads it', () => {
  test.each([
    ['a  b\tc', [[['a', 'b', 'c']]]],
    ['a "b c" \'d "e\' f\\ g', [[['a', 'b c', 'd "e', 'f g']]]],
    ['"a\\"b\\x" $\'c\\n\\x64\\145\'', [[['a"b\\x', 'c\nde']]]],
    ['a""b \'\'', [[['ab', '']]]],
    ['a \\\n b', [[['a', 'b']]]],
    ['a; b && c || d & e\nf', [[['a']], [['b']], [['c']], [['d']], [['e']], [['f']]]],
    ['a | b |& c', [[['a'], ['b'], ['c']]]],
    ['a 2>&1 >b 2>/dev/null <c', [[['a', '>', 'b', '>', '/dev/null', '<', 'c']]]],
    ['a # b\nc#d', [[['a']], [['c#d']]]],
    ['(a; b)', [[['a']], [['b']]]],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the shell
    ['X=1 a $X ${X} ${Y:-z} $Z', [[['a', '1', '1', 'z', '$Z']]]],
    ['a{IFS}', [[['a{IFS}']]]],
    ['a$IFS-b', [[['a', '-b']]]],
    ['{a,b,c} "{d,e}"', [[['a', 'b', 'c', '{d,e}']]]],
    ["it's", [[["it's"]]]],
    ['f(x)', [[['f(x)']]]],
    ['', []],
  ])('%j', (line, expected) => {
    expect(words(line)).toEqual(expected);
  });

  test('what is run to be put in', () => {
    expect(readShell('a $(b "c)") `d` <(e) "$(f)"', 'posix').nested).toEqual(['b "c)"', 'd', 'e', 'f']);
    expect(readShell("'$(a)'", 'posix').nested).toEqual([]);
  });

  test('here-documents and here-strings', () => {
    const [[first], [second]] = readShell("a <<X <<'Y'\none\nX\ntwo\nY\nb <<< c", 'posix').pipelines as never as [
      [{ words: string[]; input: string }],
      [{ words: string[] }],
    ];
    expect(first).toMatchObject({ words: ['a'], input: 'two\n' });
    expect(second.words).toEqual(['b', 'c']);
  });

  test('a backslash is a letter to Windows', () => {
    expect(readShell('C:\\a\\b.exe /x', 'windows').pipelines[0]![0]!.words).toEqual(['C:\\a\\b.exe', '/x']);
  });

  test('words written as a command line are read as the same words', () => {
    const word = fc.string({ unit: fc.constantFrom(...'ab -/\\\'"`$(){}<>|&;#\n\t~*,='.split('')), maxLength: 12 });
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), (list) => {
        const all = ['program', ...list.filter((each) => each !== '')];
        expect(words(quoted(all))).toEqual([[all]]);
      }),
      runs,
    );
  });
});

test('whatever is typed has an answer', () => {
  const piece = fc.constantFrom(
    ...[
      ...'\'"`$(){}<>|&;#\n \\'.split(''),
      '$(',
      '<<X',
      'X',
      'rm',
      '-rf',
      '/',
      'bash -c ',
      'sudo',
      'xargs',
      'python -c ',
      'echo',
      'A=',
      '${A:-',
      "$'",
    ],
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 3 })), { maxLength: 60 }), (pieces) => {
      const { runs: all, sql } = told(pieces.join(''));
      expect(all.every(({ program, run }) => run.startsWith(program))).toBe(true);
      expect(sql.every((text) => typeof text === 'string')).toBe(true);
    }),
    runs,
  );
});

test('what nobody types is given up, in time', () => {
  expect(() => told(`A=${'x'.repeat(10_000)}; ${'$A'.repeat(10_000)}`)).toThrow(EffortSpent);
  expect(() => readShell(`A=${'x'.repeat(1000)}; ${'$A'.repeat(1000)}`, 'posix')).toThrow(EffortSpent);
  expect(() => told('a;'.repeat(6000))).toThrow(EffortSpent);
  expect(() => told('x '.repeat(30_000))).toThrow(EffortSpent);
});

describe('programs that a line starts', () => {
  const named = (line: string) => told(line).runs.map(({ run }) => run);

  test.each([
    ['sudo -u a rm x', 'rm x'],
    ['/usr/bin/env -i X=1 rm x', 'rm x'],
    ['ssh host "cd /a && rm x"', 'rm x'],
    ['bash -c "bash -c \'rm x\'"', 'rm x'],
    ['cd /a/b; rm ../c', 'rm /a/c'],
    ['echo x | xargs rm', 'rm x'],
    ['(echo x; sleep 1) | xargs rm', 'rm x'],
    ['{ echo x; } | xargs rm', 'rm x'],
    ['echo "rm x" | sudo bash', 'rm x'],
    ['find /a | xargs -n 1 rm -f', 'find /a -exec rm -f'],
    ['f() { rm x; }', 'rm x'],
    ['rm "a b"', 'rm a␣b'],
    ['rm /a/./b/../c', 'rm /a/c'],
    ['RM.EXE x', 'rm x'],
  ])('%s', (line, run) => {
    expect(named(line)).toContain(run);
  });

  test.each([
    ['echo rm x'],
    ['grep "rm x" y'],
    ['git commit -m "rm x"'],
    ["cat <<'X' > y\nrm x\nX"],
    ['sudo echo rm x'],
  ])('%s starts none with that name', (line) => {
    expect(told(line).runs.filter(({ program }) => program === 'rm')).toEqual([]);
  });
});
