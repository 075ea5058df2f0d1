/**
 * Pulls the sample forge into WORKDIR, its repositories from APP and SITE, and stops for ever before PAGE is given: a process for a test
 * to kill. Says `page` when it is there.
 */
import { seeded, sourceOf } from './forge-seed.ts';

const [workdir = '', app = '', site = '', page = ''] = process.argv.slice(2);
const forge = seeded(app, site);
forge.beforePage = (at) => {
  if (at !== Number(page)) return;
  process.stdout.write('page\n');
  // Pending for ever, and something to stay alive for.
  return new Promise(() => setInterval(() => {}, 1 << 30));
};
await sourceOf(forge).pull({ workdir, signal: new AbortController().signal });
process.stdout.write('done\n');
