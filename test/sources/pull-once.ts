/** Pulls the git origin URL into WORKDIR and reads nothing: a process for a test to kill. */
import { systemClock } from '../../daemon/base/clock.ts';
import { silentLog } from '../../daemon/base/log.ts';
import { openSource } from '../../daemon/sources/open.ts';

const [url = '', workdir = ''] = process.argv.slice(2);
const source = openSource(
  { kind: 'git', name: 'sample', url },
  { environment: process.env, clock: systemClock, log: silentLog },
);
await source.pull({ workdir, signal: new AbortController().signal });
