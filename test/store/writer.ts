/**
 * Tries, as a user without capabilities, what would harm an object: `writer.ts OBJECT ELSEWHERE`. Prints for each attempt the error's code, or
 * `done`. Nothing it does is repeated or taken back.
 */
import {
  appendFileSync,
  chmodSync,
  linkSync,
  openSync,
  renameSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { IMMUTABLE, loadInodeFlags } from '../../daemon/files/inode-flags.ts';

const [object = '', elsewhere = '', user = ''] = process.argv.slice(2);
const flags = await loadInodeFlags();
process.setgroups?.([]);
process.setgid?.(Number(user));
process.setuid?.(Number(user));

const folder = dirname(object);
const attempts: Record<string, () => unknown> = {
  write: () => writeFileSync(object, 'other bytes'),
  append: () => appendFileSync(object, 'more'),
  truncate: () => truncateSync(object, 0),
  chmod: () => chmodSync(object, 0o600),
  link: () => linkSync(object, elsewhere),
  'rename away': () => renameSync(object, elsewhere),
  'rename onto': () => {
    writeFileSync(elsewhere, 'other bytes');
    renameSync(elsewhere, object);
  },
  'move its folder': () => renameSync(folder, `${elsewhere}-folder`),
  "move its folder's folder": () => renameSync(dirname(folder), `${elsewhere}-packs`),
  'move the store': () => renameSync(dirname(dirname(folder)), `${elsewhere}-store`),
  'clear the flag': () => {
    const descriptor = openSync(object, 'r');
    flags?.write(descriptor, flags.read(descriptor) & ~IMMUTABLE);
  },
  unlink: () => unlinkSync(object),
};
const told: Record<string, string> = {};
for (const [name, attempt] of Object.entries(attempts)) {
  try {
    attempt();
    told[name] = 'done';
  } catch (error) {
    told[name] = (error as NodeJS.ErrnoException).code ?? String(error);
  }
}
process.stdout.write(JSON.stringify(told));
