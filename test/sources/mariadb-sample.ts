import { mysql } from './servers.ts';

/** About `bytes` of rows, with what a schema has: blobs, foreign keys, a view, a routine, a trigger, an event, a user. */
export const MARIADB_SAMPLE = (bytes: number) => `
CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;
CREATE TABLE customers (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(100), flags BIT(8)) ENGINE=InnoDB;
CREATE TABLE orders (
  id BIGINT PRIMARY KEY AUTO_INCREMENT, customer INT NOT NULL, price DECIMAL(12,2), note TEXT, raw VARBINARY(64),
  KEY by_customer (customer), FOREIGN KEY (customer) REFERENCES customers (id)) ENGINE=InnoDB;
CREATE TABLE odd (id INT PRIMARY KEY, text_ TEXT, raw BLOB) ENGINE=InnoDB;
INSERT INTO customers (name, flags) SELECT CONCAT('Jürgen 🐘 ', seq), b'10101010' FROM shop.seq_1_to_1000;
INSERT INTO orders (customer, price, note, raw)
  SELECT seq % 1000 + 1, seq % 100000 / 100, REPEAT(MD5(seq), 8), UNHEX(REPEAT(MD5(seq + 1), 4))
  FROM shop.seq_1_to_${Math.ceil(bytes / 340)};
INSERT INTO odd VALUES (1, 'it''s "quoted" \\\\ and\\nlines; -- not a comment', UNHEX('00ff0a0d1a5c27'));
CREATE VIEW dear AS SELECT id, price FROM orders WHERE price > 500;
CREATE TRIGGER named BEFORE INSERT ON customers FOR EACH ROW SET NEW.name = TRIM(NEW.name);
CREATE EVENT yearly ON SCHEDULE EVERY 1 YEAR DO DELETE FROM odd WHERE id < 0;
CREATE FUNCTION doubled(n INT) RETURNS INT DETERMINISTIC RETURN n * 2;
CREATE USER reader@'%' IDENTIFIED BY 'reads';
GRANT SELECT ON shop.* TO reader@'%';
`;

/** Of each table and view: how many rows, and one hash over all of them. */
export function checksums(
  server: { readonly port: number; readonly password: string },
  database: string,
): Record<string, string> {
  const tables = mysql(
    server,
    '',
    `SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '${database}' ORDER BY 1`,
  ).split('\n');
  return Object.fromEntries(
    tables.map((table) => {
      const columns = mysql(
        server,
        '',
        `SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '${database}' AND TABLE_NAME = '${table}' ORDER BY ORDINAL_POSITION`,
      ).split('\n');
      // Rows in any order: sums of two halves of a hash of each.
      const hash = `MD5(CONCAT_WS('|', ${columns.map((column) => `COALESCE(HEX(\`${column}\`), 'null')`).join(', ')}))`;
      return [
        table,
        mysql(
          server,
          database,
          `SELECT COUNT(*), SUM(CONV(LEFT(h, 15), 16, 10)), SUM(CONV(RIGHT(h, 15), 16, 10)) FROM (SELECT ${hash} AS h FROM \`${table}\`) x`,
        ).replaceAll('\t', ' '),
      ];
    }),
  );
}
