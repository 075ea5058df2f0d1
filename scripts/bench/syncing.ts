/** Seals a folder into new vaults, one after the other, until it is killed: `syncing.ts SOURCE WORK` */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Appliance } from './portcullis.ts';

const [source = '', work = ''] = process.argv.slice(2);
for (let round = 0; ; round += 1) {
  const folder = join(work, String(round));
  const vault = new Appliance(folder);
  await vault.init();
  await vault.seal(source);
  rmSync(folder, { recursive: true });
}
