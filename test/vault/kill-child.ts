/** Child of kill-loop.test.ts: seals, ships or sweeps once, when it is told to on its standard input, and is killed somewhere in it. */

import { once } from 'node:events';
import { appendFileSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret } from '../../daemon/base/secret.ts';
import { DirectoryStore } from '../../daemon/store/directory.ts';
import { signRecord } from '../../daemon/vault/record.ts';
import { seal } from '../../daemon/vault/seal.ts';
import { ship } from '../../daemon/vault/ship.ts';
import { listBatches } from '../../daemon/vault/staging.ts';
import { sweep } from '../../daemon/vault/sweep.ts';
import { killTree } from './kill-tree.ts';
import { entriesOf } from './world.ts';

const [folder = ''] = process.argv.slice(2);
const box = JSON.parse(readFileSync(join(folder, 'box.json'), 'utf8')) as Record<string, string>;
const bytes = (name: string) => Buffer.from(box[name] ?? '', 'hex');
const signing = new Secret(bytes('signing'));
const vaultId = bytes('vaultId');
const common = { staging: join(folder, 'staging'), state: join(folder, 'state'), vaultId };
const store = new DirectoryStore(join(folder, 'vault'));

/** As a keeper keeps them: each is durable before its signature is given away. */
const headsFile = join(folder, 'heads');
const heads = () =>
  readFileSync(headsFile, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
const sign = async (body: string) => {
  const { signature, hash } = signRecord(body, signing, { vaultId, heads: heads(), graceEnds: 0 });
  const file = openSync(headsFile, 'a');
  appendFileSync(file, `${hash}\n`);
  fsyncSync(file);
  return signature;
};
const committed = ({ head }: { head: string }) => {
  // In one step: killed after emptying the file it would know no head at all.
  writeFileSync(`${headsFile}.new`, `${head}\n`);
  renameSync(`${headsFile}.new`, headsFile);
};

process.stdout.write('ready\n');
const [line] = (await once(process.stdin, 'data')) as [Buffer];
const [what, round = '0'] = line.toString().trim().split(' ');
const chain = { ...common, store, verifyKey: bytes('verifyKey'), heads: heads(), sign };
if (what === 'seal') {
  await seal({
    ...common,
    sealing: new Secret(bytes('sealing')),
    recipients: [bytes('recipient')],
    source: { name: 'files', kind: 'directory' },
    facts: {},
    entries: entriesOf(killTree(Number(round))),
    wall: Number(round) * 1000,
  });
} else if (what === 'ship') {
  await ship({ ...chain, batches: (await listBatches(common.staging)).map(({ batch }) => batch), committed });
} else {
  const rules = { floor: 2, last: 2 };
  const wall = Number(round) * 1000;
  await sweep({ ...chain, rules, graceMs: 0, wall, cleared: new Set(), most: 1000, mostLocks: 0, committed });
}
process.stdout.write('done\n');
process.exit(0);
