/** One statement of SQL, without comments and with one blank between words. */
export interface Statement {
  readonly text: string;
  /** In lower case, and with nothing in what stands between single quotes: what is told, not what is told about. */
  readonly code: string;
}

/** Words after which text between quotes is run too. */
const RUNS_TEXT = /\b(?:exec|execute|sp_executesql|prepare|dblink\w*|query_to_xml)\b/;
const MAX_DEPTH = 3;
/** Letters that neither begin nor end anything. */
const PLAIN = /[^'"`/*\-#;]+/y;

/**
 * The statements in `sql`. Where servers disagree on how it is read (is \' the end of text? is # a comment?) all readings are
 * returned, so that no statement hides in what another server would skip. Linear in the length of `sql`.
 */
export function statementsOf(sql: string, depth = 0): readonly Statement[] {
  const found = new Map<string, Statement>();
  const backslashes = sql.includes("\\'") ? [false, true] : [false];
  const hashes = sql.includes('#') ? [false, true] : [false];
  for (const escapes of backslashes)
    for (const hash of hashes)
      for (const { text, code, literals } of read(sql, escapes, hash)) {
        const statement = {
          text: text.replaceAll(/\s+/g, ' ').trim(),
          code: code.replaceAll(/\s+/g, ' ').trim().toLowerCase(),
        };
        if (statement.code === '') continue;
        found.set(statement.text, statement);
        if (literals.length === 0 || depth >= MAX_DEPTH || !RUNS_TEXT.test(statement.code)) continue;
        // Put together as well, as in EXECUTE 'drop ' || 'table x'.
        for (const inner of [...literals, literals.join('')])
          for (const each of statementsOf(inner, depth + 1)) found.set(each.text, each);
      }
  return [...found.values()];
}

interface Part {
  text: string;
  code: string;
  literals: string[];
}

function read(sql: string, escapes: boolean, hash: boolean): readonly Part[] {
  const parts: Part[] = [];
  let part: Part = { text: '', code: '', literals: [] };
  const add = (text: string, code = text) => {
    part.text += text;
    part.code += code;
  };
  /** What is never closed from here on is code like any other. */
  const unclosed = new Set<string>();
  const closing = (what: string, from: number): number => {
    const to = unclosed.has(what) ? -1 : sql.indexOf(what, from);
    if (to < 0) unclosed.add(what);
    return to;
  };
  for (let at = 0; at < sql.length; ) {
    const letter = sql[at] ?? '';
    const next = sql[at + 1] ?? '';
    if (letter === "'") {
      const to = endOfText(sql, at, escapes, closing);
      if (to === undefined) add(letter);
      else {
        const literal = sql.slice(at + 1, to);
        part.literals.push(literal.replaceAll("''", "'"));
        add(sql.slice(at, to + 1), "''");
      }
      at = (to ?? at) + 1;
    } else if (letter === '"' || letter === '`') {
      const to = closing(letter, at + 1);
      add(to < 0 ? letter : sql.slice(at, to + 1));
      at = to < 0 ? at + 1 : to + 1;
    } else if (letter === '/' && next === '*') {
      // MySQL runs what stands in /*! … */ and MariaDB in /*M! … */.
      const run = /^\/\*M?!\d*/.exec(sql.slice(at, at + 12));
      const to = run === null ? sql.indexOf('*/', at + 2) : -1;
      add(' ');
      if (run !== null) at += run[0].length;
      else if (to < 0) break;
      else at = to + 2;
    } else if (letter === '*' && next === '/') {
      add(' ');
      at += 2;
    } else if ((letter === '-' && next === '-' && !isMinus(sql, at)) || (hash && letter === '#')) {
      const to = sql.indexOf('\n', at);
      add(' ');
      if (to < 0) break;
      at = to;
    } else if (letter === ';') {
      if (part.code.trim() !== '') parts.push(part);
      part = { text: '', code: '', literals: [] };
      at++;
    } else {
      PLAIN.lastIndex = at;
      const plain = PLAIN.exec(sql)?.[0] ?? letter;
      add(plain);
      at += plain.length;
    }
  }
  parts.push(part);
  return parts;
}

/** The place of the quote that ends the text which begins at `from`. */
function endOfText(
  sql: string,
  from: number,
  escapes: boolean,
  closing: (what: string, from: number) => number,
): number | undefined {
  for (let at = closing("'", from + 1); at >= 0; at = closing("'", at + 1)) {
    if (sql[at + 1] === "'") {
      at++;
      continue;
    }
    let slashes = 0;
    while (sql[at - 1 - slashes] === '\\') slashes++;
    if (!escapes || slashes % 2 === 0) return at;
  }
  return undefined;
}

/** To MySQL `1--1` is a sum and not the start of a comment. */
function isMinus(sql: string, at: number): boolean {
  return /\w/.test(sql[at - 1] ?? '') && /\w/.test(sql[at + 2] ?? '');
}
