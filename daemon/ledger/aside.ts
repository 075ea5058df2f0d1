import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { isoTime } from '../base/clock.ts';
import { openReadOnly } from './schema.ts';

export interface SetAside {
  /** Where the damaged database lies now. */
  readonly path: string;
  /** Its newest entry, where that could still be read. */
  readonly head?: { readonly seq: number; readonly hash: string };
}

/** Moves a damaged database out of the way, with its write-ahead log, which may hold its newest entries. */
export function setAside(path: string, wall: number): SetAside {
  const name = `${path}.damaged-${isoTime(wall).replaceAll(/[-:.]/g, '')}`;
  let target = name;
  for (let n = 2; existsSync(target); n += 1) target = `${name}-${n}`;
  // The log goes first: beside a new database of the same name SQLite would replay it.
  if (existsSync(`${path}-wal`)) renameSync(`${path}-wal`, `${target}-wal`);
  rmSync(`${path}-shm`, { force: true });
  renameSync(path, target);
  const directory = openSync(dirname(path), 'r');
  fsyncSync(directory);
  closeSync(directory);
  const head = readHead(target);
  return { path: target, ...(head === undefined ? {} : { head }) };
}

function readHead(path: string): SetAside['head'] {
  try {
    const db = openReadOnly(path);
    try {
      const query = 'SELECT seq, lower(hex(hash)) AS hash FROM entry ORDER BY seq DESC LIMIT 1';
      return db.prepare(query).get() as SetAside['head'];
    } finally {
      db.close();
    }
  } catch {
    // It is set aside because it is broken: no head to link to is an expected answer.
    return undefined;
  }
}
