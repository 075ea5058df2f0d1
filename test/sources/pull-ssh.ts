/** Pulls a directory over ssh, as the JSON of its settings says, into WORKDIR: a process for a test to kill. */
import { systemClock } from '../../daemon/base/clock.ts';
import { silentLog } from '../../daemon/base/log.ts';
import { openSource } from '../../daemon/sources/open.ts';

const [settings = '', workdir = ''] = process.argv.slice(2);
const source = openSource(JSON.parse(settings), { environment: process.env, clock: systemClock, log: silentLog });
await source.pull({ workdir, signal: new AbortController().signal });
