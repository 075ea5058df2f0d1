import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { statementsOf } from '../../daemon/alerts/sql.ts';

const codes = (sql: string) => statementsOf(sql).map(({ code }) => code);
const runs = { seed: 20260425, numRuns: 500 };

test.each([
  ['SELECT  1;\n select 2 ;', ['select 1', 'select 2']],
  ["a -- b ' ;\nc", ['a c']],
  ["a /* ' ; */ b", ['a b']],
  ["a '; -- /*' b", ["a '' b"]],
  ["a 'it''s; x' b", ["a '' b"]],
  ['a "x;y" `z;` b', ['a "x;y" `z;` b']],
  ['a /*! b */ c', ['a b c']],
  ['a - b -- c', ['a - b']],
  ['a 1--1', ['a 1--1']],
  ["a 'open; b", ["a 'open", 'b']],
  ['a /* open; b', ['a']],
  [';;', []],
])('%j', (sql, expected) => {
  expect(codes(sql)).toEqual(expected);
});

describe('where servers disagree, both readings are told', () => {
  test('of a backslash before a quote', () => {
    expect(codes("a '\\'; drop table x; --'")).toContain('drop table x');
    expect(codes("a 'it\\'s'; drop table x; select 'a'")).toContain('drop table x');
  });

  test('of a number sign', () => {
    expect(codes('drop # a\n table x')).toContain('drop table x');
    expect(codes("select a #> '{b}'; drop table x")).toContain('drop table x');
  });
});

test('what is never closed is looked for once', () => {
  expect(codes(`a ${"\\'".repeat(200_000)}; drop table x`).length).toBeGreaterThan(0);
});

test('text that is run is read too, also where it is put together', () => {
  expect(codes("exec('drop table x')")).toContain('drop table x');
  expect(codes("execute 'drop ' || 'table x'")).toContain('drop table x');
  expect(codes("execute 'execute ''drop table x'''")).toContain('drop table x');
});

const text = fc.string({
  unit: fc.constantFrom("'", ';', '-', '/', '*', '"', '`', '\n', ' ', 'a', '$'),
  maxLength: 30,
});

test('nothing said in text hides the statement after it', () => {
  fc.assert(
    fc.property(text, (said) => {
      expect(codes(`select '${said.replaceAll("'", "''")}'; drop table x`)).toContain('drop table x');
    }),
    runs,
  );
});

test('nothing said in text is a statement', () => {
  fc.assert(
    fc.property(text, text, (before, after) => {
      const said = `${before}; drop table x; ${after}`.replaceAll("'", "''");
      expect(codes(`insert into t values ('${said}')`)).toEqual(["insert into t values ('')"]);
    }),
    runs,
  );
});
