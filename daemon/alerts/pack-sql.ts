import { all, any, has, like, none, OURS, type PackRule, rulesOn } from './pack-words.ts';

const { trip, rate, context } = rulesOn('sql');

/**
 * `code` is one statement in lower case, with one blank between words, without comments and without what stands between
 * single quotes. Asking for a word first costs nothing; most statements end there.
 */
const CODE = 'portcullis.code';
const word = (value: string) => has(CODE, value);
const code = (re2: string) => like(CODE, re2);

const IF = '(?:if exists )?';
/** A name, or what a program puts one into: "x", [x], `x`, $1, {{x}}. What begins with # is a table for one session. */
const NAME = '[a-z0-9_"\\x60\\[$@:{%<?.\\x{80}-\\x{10ffff}]';

/** SQL and what else databases are told, wherever a log, a command or a tool brings it. */
export const SQL_RULES: readonly PackRule[] = [
  trip(
    'sql.drop',
    'A database, a schema, a table or a user is being dropped by SQL.',
    'sigma 00321fee, d84c0ded; more kinds: ours',
    all(
      word('drop'),
      code(
        `\\bdrop (?:(?:pluggable )?database|schema|keyspace|table|foreign table|external table|tablespace|materialized view|role|user|owned by|column family|dataset|catalog|warehouse|share|stream|volume|server|availability group) ${IF}${NAME}`,
      ),
    ),
  ),
  trip(
    'sql.truncate',
    'A table is being emptied by SQL.',
    'sigma 00321fee',
    all(
      word('truncate'),
      code(`\\btruncate (?:(?:table|database|only|if exists) )*["\\x60\\[\\w]`),
      none(code('\\btruncate ?\\(')),
    ),
    // The right to do so, a trigger upon it, and a column or function of that name.
    { except: code('^(?:grant|revoke|create)\\b|\\bselect\\b.{0,200}\\btruncate (?:from|as|,)') },
  ),
  trip(
    'sql.delete_all',
    'All rows of a table are being deleted by SQL.',
    OURS,
    all(
      word('delete'),
      any(
        code(
          '^(?:explain analyze )?(?:with .*\\) )?delete from (?:only )?[^ (]+(?: (?:as )?[a-z_]\\w*)?(?: returning .*)?$',
        ),
        code('^delete (?:\\w+\\.|\\[)[^ ]+$'),
        code('^(?:explain analyze )?delete from (?:only )?"[^"]*"(?: \\. ?)?(?:"[^"]*")?$'),
        // Within a block, a procedure or a call of a library, where a statement does not end the text.
        code('\\b(?:begin|then|do|as|loop|else|\\$\\w*\\$) delete from [^ ();]+(?: (?:end|\\$\\w*\\$))?$'),
        code('["\'\\x60]delete from [^ ()"\'\\x60]+["\'\\x60]'),
      ),
    ),
  ),
  trip(
    'sql.delete_true',
    'All rows of a table are being deleted or changed by SQL whose condition is always true.',
    OURS,
    all(
      any(word('delete'), word('update')),
      code('\\b(?:delete from|update)\\b.*\\bwhere\\b'),
      code(
        "\\bwhere (?:\\(? ?|[^ ]+ or )(?:1 ?= ?1|0 ?= ?0|1 ?< ?2|2 ?> ?1|'' ?(?:=|like) ?''|true|not false|1|exists ?\\( ?select 1 ?\\))(?: is true| ?\\))?(?: returning .*| limit \\d+)?[\"\\x60]?$|" +
          "\\bor (?:1 ?= ?1|true|'' ?= ?'')",
      ),
    ),
  ),
  rate(
    'sql.update_all',
    'All rows of tables are being changed by SQL.',
    OURS,
    all(word('update'), code('^update (?:only )?[^ ]+(?: (?:as )?\\w+)? set '), none(code('\\bwhere\\b'))),
  ),
  rate(
    'sql.alter_drop',
    'Columns, partitions or constraints of tables are being dropped by SQL.',
    'panther-analysis ALTER_TABLE',
    all(word('alter'), code('\\balter table\\b.*\\bdrop (?:column|partition|constraint|primary key|foreign key)\\b')),
  ),
  rate(
    'sql.drop.parts',
    'Views, indexes, functions or sequences are being dropped by SQL.',
    OURS,
    all(
      word('drop'),
      code(
        `\\bdrop (?:view|index|function|procedure|sequence|trigger|type|policy|extension)(?: concurrently)? ${IF}${NAME}`,
      ),
    ),
  ),
  trip(
    'sql.pg_wipe',
    'PostgreSQL is told to reset its log of changes, or a database is being dropped.',
    'ours, after the PostgreSQL documentation',
    any(all(word('dropdb'), code('\\bdropdb\\b')), all(word('pg_resetwal'), code('\\bpg_resetwal\\b'))),
  ),
  context(
    'sql.pg_bad',
    'PostgreSQL is told to end sessions, to drop a replication slot or to unlink large objects.',
    'ours, after the PostgreSQL documentation',
    any(
      all(word('pg_'), code('\\b(?:pg_drop_replication_slot|pg_terminate_backend) ?\\(')),
      all(word('lo_unlink'), code('\\blo_unlink ?\\(')),
    ),
  ),
  trip(
    'sql.backup_off',
    'A database is told to delete its backups, or to keep no copy of them.',
    'ours, after the documentation of SQL Server, Oracle and MySQL',
    any(
      all(word('sp_delete_'), code('\\bsp_delete_(?:backuphistory|database_backuphistory)\\b')),
      all(word('purge'), code('\\bpurge (?:binary|master) logs\\b')),
      all(word('reset'), code('^reset (?:master|binary logs and gtids)\\b')),
      all(word('obsolete'), code('\\bdelete (?:noprompt )?(?:force )?(?:obsolete|backup|backupset|archivelog all)\\b')),
      all(word('backup'), code('^delete (?:noprompt )?(?:force )?backup(?:set)?\\b')),
    ),
  ),
  trip(
    'mongo',
    'A MongoDB database or collection is being dropped or emptied.',
    'ours, after the MongoDB documentation',
    any(
      all(word('dropdatabase'), code('\\bdropdatabase\\b')),
      all(word('deletemany'), code('\\bdeletemany ?\\( ?\\{ ?\\}')),
      all(word('.remove'), code('\\bdb\\b.*\\.remove ?\\( ?(?:\\{ ?\\} ?)?\\)')),
      all(word('.drop'), code('(?:\\bdb\\b|collection ?\\().*\\.drop ?\\( ?(?:\\{[^}]*\\} ?)?\\)')),
    ),
  ),
  trip(
    'redis',
    'A Redis database is being emptied.',
    'ours, after the Redis documentation',
    any(
      all(word('flushall'), code('(?:^|["\'\\x60(]|\\.)flushall\\b')),
      all(word('flushdb'), code('(?:^|["\'\\x60(]|\\.)flushdb\\b')),
    ),
  ),
  trip(
    'railway.volume.query',
    'A query of Railway deletes a volume, its backups, a project, an environment or a service.',
    'Railway, GraphQL reference',
    all(
      word('mutation'),
      code(
        '\\b(?:volumedelete|volumeinstancebackupdelete|projectdelete|projectscheduledelete|environmentdelete|servicedelete)\\b',
      ),
    ),
  ),
];
