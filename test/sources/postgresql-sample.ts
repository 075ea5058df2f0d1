import { psql } from './servers.ts';

/** Databases and roles. */
export const EXTRA = `
CREATE ROLE owner NOLOGIN;
CREATE ROLE reader LOGIN PASSWORD 'reads' CONNECTION LIMIT 3;
COMMENT ON ROLE reader IS 'reads
and nothing else';
CREATE DATABASE shop OWNER owner;
ALTER DATABASE shop SET timezone = 'UTC';
CREATE DATABASE ledger;
\\connect ledger
CREATE TABLE entries (id int PRIMARY KEY, body text);
INSERT INTO entries SELECT g, md5(g::text) FROM generate_series(1, 1000) g;
`;

/** About `bytes` of rows, with what a schema has: types, sequences, views, indices, foreign keys, a partition, a large object. */
export const SCHEMA = (bytes: number) => `
SET ROLE owner;
CREATE SCHEMA shop;
CREATE TYPE shop.state AS ENUM ('new', 'paid', 'sent');
CREATE DOMAIN shop.email AS text CHECK (VALUE LIKE '%@%');
CREATE TABLE shop.customers (id serial PRIMARY KEY, email shop.email UNIQUE, tags text[], about jsonb);
CREATE TABLE shop.orders (
  id bigserial PRIMARY KEY,
  customer int NOT NULL,
  state shop.state NOT NULL DEFAULT 'new',
  made timestamptz NOT NULL DEFAULT '2026-01-01',
  price numeric(12, 2),
  note text,
  raw bytea
);
CREATE TABLE shop.events (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE shop.events_2026 PARTITION OF shop.events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE VIEW shop.paid AS SELECT id, price FROM shop.orders WHERE state = 'paid';
CREATE MATERIALIZED VIEW shop.totals AS SELECT customer, sum(price) AS total FROM shop.orders GROUP BY customer;
CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.made = NEW.made; RETURN NEW; END $$;
INSERT INTO shop.customers (email, tags, about)
  SELECT 'c' || g || '@example.org', ARRAY['a', g::text], jsonb_build_object('n', g) FROM generate_series(1, 1000) g;
INSERT INTO shop.orders (customer, state, price, note, raw)
  SELECT g % 1000 + 1, (ARRAY['new', 'paid', 'sent']::shop.state[])[g % 3 + 1], g % 100000 / 100.0,
    repeat(md5(g::text), 6) || E'\\t\\\\\\n', decode(repeat(md5((g + 1)::text), 4), 'hex')
  FROM generate_series(1, ${Math.ceil(bytes / 320)}) g;
INSERT INTO shop.events SELECT date '2026-01-01' + g % 300, 'event ' || g FROM generate_series(1, 5000) g;
ALTER TABLE shop.orders ADD FOREIGN KEY (customer) REFERENCES shop.customers;
CREATE INDEX ON shop.orders (customer, made);
CREATE TRIGGER touch BEFORE UPDATE ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.touch();
REFRESH MATERIALIZED VIEW shop.totals;
GRANT USAGE ON SCHEMA shop TO reader;
GRANT SELECT ON shop.orders TO reader;
SELECT lo_from_bytea(4711, '\\x00ff10');
`;

/** Of each table, view and sequence: how many rows, and one hash over all of them in their order. */
export function checksums(
  server: { readonly port: number; readonly password: string },
  database: string,
): Record<string, string> {
  const relations = psql(
    server,
    database,
    `SELECT quote_ident(nspname) || '.' || quote_ident(relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
     WHERE relkind IN ('r', 'v', 'm', 'S') AND nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1`,
  ).split('\n');
  return Object.fromEntries(
    relations.map((relation) => [
      relation,
      psql(
        server,
        database,
        `SET timezone = 'UTC'; SELECT count(*) || ' ' || coalesce(md5(string_agg(h, '')), '-') FROM (SELECT md5(ROW(${relation.endsWith('_seq') ? 't.last_value, t.is_called' : 't.*'})::text) AS h FROM ${relation} t ORDER BY 1) x`,
      ),
    ]),
  );
}
