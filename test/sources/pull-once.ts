/**
 * Pulls the source in SETTINGS (JSON) into WORKDIR. Of one that streams it reads the first bytes, says so and waits: a process for a
 * test to kill.
 */
import { systemClock } from '../../daemon/base/clock.ts';
import { silentLog } from '../../daemon/base/log.ts';
import { Secret } from '../../daemon/base/secret.ts';
import { openSource, type SourceSettings } from '../../daemon/sources/open.ts';

const [settings = '', workdir = ''] = process.argv.slice(2);
const parsed = JSON.parse(settings) as SourceSettings & { password?: string };
const source = openSource(
  {
    ...parsed,
    ...(typeof parsed.password === 'string' ? { password: Secret.fromText(parsed.password) } : {}),
  } as SourceSettings,
  { environment: process.env, clock: systemClock, log: silentLog },
);
const { entries } = await source.pull({ workdir, signal: new AbortController().signal });
for await (const entry of entries) {
  if (entry.kind !== 'file' || entry.content.from !== 'stream') continue;
  for await (const _ of entry.content.open()) {
    process.stdout.write('reading\n');
    await new Promise(() => setInterval(() => {}, 60_000));
  }
}
