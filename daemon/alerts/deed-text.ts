import { type Deed, NOTHING, type Recogniser } from './deed.ts';
import { quoted, told } from './shell-programs.ts';
import { statementsOf } from './sql.ts';

/** Keys under which systems send what somebody typed at a shell, and at a database. Compared without case, _ and -. */
const COMMAND_KEYS = new Set([
  'bashcommand',
  'cmd',
  'cmdline',
  'command',
  'commandline',
  'commands',
  'exepath',
  'proccmdline',
  'processcommandline',
  'script',
  'shellcommand',
]);
const ARGUMENT_KEYS = new Set(['args', 'argv', 'arguments']);
const SQL_KEYS = new Set(['commandtext', 'dbstatement', 'querytext', 'query', 'sql', 'sqltext', 'statement', 'data']);
/** pgaudit writes `AUDIT: SESSION,1,1,DDL,DROP TABLE,,,"drop table x",<none>` into the server's log. */
const PGAUDIT = /AUDIT: (?:SESSION|OBJECT),\d*,\d*,[A-Z]+,[^,]*,[^,]*,[^,]*,("(?:[^"]|"")*"|[^,]*)/;

/** Whether `item`, which stands under `key`, is taken for a command wherever it is found. */
export function isForShell(key: string, item: unknown): boolean {
  const plain = plainKey(key);
  if (Array.isArray(item)) return COMMAND_KEYS.has(plain) || ARGUMENT_KEYS.has(plain);
  return typeof item === 'string' && COMMAND_KEYS.has(plain);
}

function plainKey(key: string): string {
  return key.toLowerCase().replaceAll(/[_-]/g, '');
}

/** Commands and statements of SQL that stand in an object under one of the keys systems use for them. */
export const texts: Recogniser = (value) => {
  const entries = Object.entries(value).map(([key, item]) => [plainKey(key), item] as const);
  const args = entries.flatMap(([key, item]) => (ARGUMENT_KEYS.has(key) && Array.isArray(item) ? wordsOf(item) : []));
  const commands = entries.flatMap(([key, item]) => (COMMAND_KEYS.has(key) ? [commandOf(item, args)] : []));
  if (commands.length === 0 && args.length > 0) commands.push(quoted(args));
  return [
    ...[...new Set(commands)].flatMap((command) => (command === '' ? NOTHING : spoken(command, value))),
    ...entries.flatMap(([key, item]) => (typeof item === 'string' ? queried(key, item, value) : NOTHING)),
  ];
};

/** A list is a program and its arguments; the arguments may also stand beside it. */
function commandOf(item: unknown, args: readonly string[]): string {
  const command = Array.isArray(item) ? quoted(wordsOf(item)) : typeof item === 'string' ? item : '';
  return args.length === 0 ? command : `${command} ${quoted(args)}`;
}

function wordsOf(list: readonly unknown[]): string[] {
  return list.filter((word) => typeof word === 'string');
}

function queried(key: string, text: string, value: object): readonly Deed[] {
  if (SQL_KEYS.has(key)) return said([text], value);
  const audited = PGAUDIT.exec(text)?.[1];
  return audited === undefined ? NOTHING : said([audited.replace(/^"|"$/g, '').replaceAll('""', '"')], value);
}

/**
 * What a shell was told: the command itself, each program it starts, and the SQL and the HTTP requests those are given.
 * Throws EffortSpent when the command is longer than anybody types.
 */
export function spoken(command: string, origin: object): readonly Deed[] {
  const { runs, calls, sql } = told(command);
  return [
    { on: 'command', root: { text: command }, origin },
    ...runs.map(({ program, run }): Deed => ({ on: 'command', root: { portcullis: { program, run } }, origin })),
    ...calls.map((call): Deed => ({ on: 'http', root: { ...call }, origin })),
    ...said(sql, origin),
  ];
}

function said(sql: readonly string[], origin: object): readonly Deed[] {
  const statements = new Map(sql.flatMap((each) => statementsOf(each)).map((statement) => [statement.text, statement]));
  return [...statements.values()].map(({ text, code }) => ({
    on: 'sql',
    root: { text, portcullis: { code } },
    origin,
  }));
}
