import { type Deed, NOTHING, type Recogniser } from './deed.ts';

/** Keys under which systems send what somebody typed at a shell, and at a database. Compared without case, _ and -. */
const COMMAND_KEYS = new Set([
  'bashcommand',
  'cmd',
  'cmdline',
  'command',
  'commandline',
  'commands',
  'exepath',
  'processcommandline',
  'script',
  'shellcommand',
]);
const SQL_KEYS = new Set(['commandtext', 'dbstatement', 'querytext', 'query', 'sql', 'sqltext', 'statement', 'data']);
/** pgaudit writes `AUDIT: SESSION,1,1,DDL,DROP TABLE,,,"drop table x",<none>` into the server's log. */
const PGAUDIT = /AUDIT: (?:SESSION|OBJECT),\d*,\d*,[A-Z]+,[^,]*,[^,]*,[^,]*,("(?:[^"]|"")*"|[^,]*)/;
/** A call may be split into this many statements. */
const MAX_STATEMENTS = 1000;

/** Commands and statements of SQL that stand in an object under one of the keys systems use for them. */
export const texts: Recogniser = (value) =>
  Object.entries(value).flatMap(([key, item]): readonly Deed[] => {
    const plain = key.toLowerCase().replaceAll(/[_-]/g, '');
    if (Array.isArray(item)) {
      const isCommand = COMMAND_KEYS.has(plain) || plain === 'args' || plain === 'argv';
      return isCommand ? spoken(item.filter((word) => typeof word === 'string').join(' '), value) : NOTHING;
    }
    if (typeof item !== 'string') return NOTHING;
    if (COMMAND_KEYS.has(plain)) return spoken(item, value);
    if (SQL_KEYS.has(plain)) return said('sql', statementsOf(item), value);
    const audited = PGAUDIT.exec(item)?.[1];
    if (audited === undefined) return NOTHING;
    return said('sql', statementsOf(audited.replace(/^"|"$/g, '').replaceAll('""', '"')), value);
  });

/** What a shell was told: the command itself, and what in it may be SQL for a program that it starts. */
export function spoken(command: string, origin: object): readonly Deed[] {
  const parts = [command, ...quotedIn(command), ...command.split(/[|;\n&]|<<<?/, MAX_STATEMENTS)];
  return [...said('command', [command], origin), ...said('sql', parts.flatMap(statementsOf), origin)];
}

function said(on: 'command' | 'sql', all: readonly string[], origin: object): readonly Deed[] {
  return [...new Set(all)].map((text) => ({ on, root: { text }, origin }));
}

/** Each statement of `sql` by itself and without comments, so that none hides behind another. */
function statementsOf(sql: string): readonly string[] {
  const bare = without(without(sql, '/*', '*/'), '--', '\n');
  return bare
    .split(';', MAX_STATEMENTS)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** `text` with a blank for all that stands from `open` to `close`, or to the end. By hand: a regular expression would be quadratic. */
function without(text: string, open: string, close: string): string {
  const kept: string[] = [];
  for (let at = 0; ; ) {
    const from = text.indexOf(open, at);
    if (from < 0) return kept.concat(text.slice(at)).join(' ');
    kept.push(text.slice(at, from));
    const to = text.indexOf(close, from + open.length);
    if (to < 0) return kept.join(' ');
    at = to + close.length;
  }
}

function quotedIn(text: string): readonly string[] {
  const found: string[] = [];
  for (let at = 0; at < text.length && found.length < MAX_STATEMENTS; at++) {
    const quote = text[at];
    if (quote === '\\') at++;
    if (quote !== '"' && quote !== "'" && quote !== '`') continue;
    const to = text.indexOf(quote, at + 1);
    if (to < 0) return found;
    found.push(text.slice(at + 1, to));
    at = to;
  }
  return found;
}
