import type { Fixtures } from './fixtures.ts';

const sql = (...statements: readonly string[]) => statements.map((statement) => ({ sql: statement }));

export const SQL: Fixtures = {
  'sql.drop': {
    trips: [
      ...sql(
        'drop table users',
        'DROP TABLE IF EXISTS "public"."users" CASCADE;',
        'DROP/**/TABLE users',
        'drop -- comment\n table users',
        'drop # comment\n table users',
        '/*!50000 DROP TABLE users */',
        "select '/*'; drop database prod; select '*/'",
        "select '\\'; drop database prod; --'",
        'begin; drop schema public cascade; commit',
        'DROP\u00a0TABLE\u000busers',
        "do $$ begin execute 'drop ' || 'table users'; end $$",
        "exec('drop table users')",
        'DROP DATABASE [prod]',
        'drop materialized view m',
        'drop keyspace k',
        'drop table `users`',
        'drop table $1',
        "it's; drop user admin",
      ),
      // pgaudit, in the server's log.
      { message: 'AUDIT: SESSION,1,1,DDL,DROP TABLE,TABLE,public.users,"drop table users",<none>' },
      // SQL Server's event 33205.
      { EventID: 33205, Data: 'action_id:DR  statement:DROP TABLE [dbo].[users] additional_information:' },
      { command: 'psql -c "DROP/**/TABLE users"' },
      { command: 'python -c "cur.execute(\'drop table users\')"' },
      { databaseActivityEventList: [{ commandText: 'drop table users' }] },
      { tool_name: 'mcp__supabase__execute_sql', tool_input: { query: 'drop table users;' } },
    ],
    passes: [
      ...sql(
        'select * from dropped where t = 1',
        "insert into posts values ('how to drop table users')",
        'select 1 -- drop table users',
        '/* drop table users */ select 1',
        '--drop table users\nselect 1',
        'alter table users drop column x',
        'drop table #scratch',
        'drop temporary table t',
        'drop index i',
      ),
      { command: 'grep -r "drop table users" .' },
      { command: 'echo "drop table users"' },
      { command: 'git commit -m "drop table users"' },
      { command: "cat > m.sql <<'EOF'\ndrop table users;\nEOF" },
      { description: 'drop table users' },
      { tool_name: 'WebSearch', tool_input: { query: 'drop table users' } },
      { tool_name: 'Write', tool_input: { path: 'x.sql', content: 'drop table users', command: 'create' } },
    ],
  },
  'sql.truncate': {
    trips: [
      ...sql(
        'truncate users',
        'TRUNCATE TABLE "users" RESTART IDENTITY CASCADE',
        'truncate/**/only users',
        'truncate [dbo].[x]',
      ),
      { command: 'mysql prod -e"truncate table orders"' },
    ],
    passes: [
      ...sql(
        "select date_trunc('day', t) from x",
        'select truncate(1.5, 1)',
        'grant truncate on users to x',
        'create trigger t before truncate on users',
      ),
      { command: 'truncate -s 0 app.log' },
    ],
  },
  'sql.delete_all': {
    trips: [
      ...sql(
        'delete from users',
        'DELETE FROM "public"."users";',
        'delete from only users u returning *',
        'select 1; delete from users; select 2',
        'with x as (select 1) delete from users',
        'delete from users -- where id = 1',
        'explain analyze delete from users',
        'delete [users]',
        'do $$ begin delete from users; end $$',
      ),
      { command: "psql -c 'delete from users'" },
      { command: 'psql -c delete from users' },
      { command: 'node -e "db.query(\'delete from users\')"' },
    ],
    passes: sql(
      'delete from users where id = 1',
      'delete from users using x where x.id = users.id',
      'select deleted from users',
      'DELETE FROM users LIMIT 10',
    ),
  },
  'sql.delete_true': {
    trips: sql(
      'delete from users where 1=1',
      'DELETE FROM users WHERE TRUE;',
      'update users set x = 2 where 1 = 1',
      "delete from users where 'a'='a'",
      'delete from users where id = 1 or 1=1',
      'delete from users where (1=1)',
      'delete from users where 1',
    ),
    passes: sql(
      'delete from users where id = 1',
      'update users set a = 1 where b = true',
      "delete from users where name = 'a'",
      'select * from users where 1=1',
    ),
  },
  'sql.update_all': {
    trips: sql('update users set x = 1', 'UPDATE "users" SET a = 1, b = 2', 'update users u set x = 1'),
    passes: sql(
      'update users set x = 1 where id = 2',
      "select 'update users set x = 1'",
      'insert into a values (1) on conflict do update set x = 1',
    ),
  },
  'sql.alter_drop': {
    trips: sql('alter table users drop column email', 'ALTER TABLE x DROP PARTITION p1'),
    passes: sql('alter table users add column email text', 'alter table users alter column x drop default'),
  },
  'sql.drop.parts': {
    trips: sql('drop view v', 'DROP INDEX CONCURRENTLY i', 'drop function if exists f'),
    passes: sql('create view v as select 1', 'drop table t'),
  },
  'sql.pg_wipe': { trips: sql('! dropdb prod'), passes: sql('select x from dropdbs') },
  'sql.pg_bad': {
    trips: sql("select pg_drop_replication_slot('s')", 'select pg_terminate_backend(1)', 'select lo_unlink(1)'),
    passes: sql('select pg_backend_pid()', 'select * from pg_replication_slots'),
  },
  'sql.backup_off': {
    trips: sql(
      'purge binary logs before now()',
      'reset master',
      'delete noprompt obsolete',
      'exec msdb.dbo.sp_delete_backuphistory 1',
    ),
    passes: sql('show binary logs', 'reset session authorization', 'backup database x'),
  },
  mongo: {
    trips: [
      ...sql(
        'db.dropDatabase()',
        'db.users.drop()',
        'db.getCollection("users").drop()',
        'db.users.deleteMany({})',
        'db.users.remove({})',
      ),
      { command: 'mongosh prod --eval "db.dropDatabase()"' },
    ],
    passes: [
      ...sql('db.users.deleteMany({ _id: 1 })', 'db.users.find()'),
      { command: 'python -c "df.drop(columns=[\'x\'])"' },
    ],
  },
  redis: {
    trips: [...sql('flushall', 'FLUSHDB async'), { command: 'echo FLUSHALL | nc redis 6379' }],
    passes: sql('get flushall:x', 'select flush_all from x'),
  },
  'railway.volume.query': {
    trips: [{ query: 'mutation M($v: String!) { volumeDelete(volumeId: $v) }', variables: { v: '1' } }],
    passes: [{ query: 'query { project(id: 1) { name } }' }, { query: 'mutation { volumeCreate(input: {}) { id } }' }],
  },
};
