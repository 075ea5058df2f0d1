/** A server process that does as its argument says, and tells on standard output what happens to it. */
import { writeSync } from 'node:fs';
import { createLog } from '../../daemon/base/log.ts';
import { live } from '../../daemon/main/process.ts';

const [how] = process.argv.slice(2);
const say = (what: string) => writeSync(1, `${what}\n`);
const log = createLog('test', Date.now, (line) => {
  process.stderr.write(line);
  if (how === 'throws') say(JSON.parse(line).message);
});

await live(
  log,
  async () => {
    if (how === 'cannot start') throw new Error('no');
    setInterval(() => {}, 1000);
    setImmediate(() => {
      say('ready');
      if (how === 'throws') throw new Error('thrown');
      if (how === 'rejects') void Promise.reject(new Error('rejected'));
    });
    if (how === 'talks')
      setInterval(() => {
        log.info('still here');
        say('said');
      }, 5);
    return {
      async stop() {
        say('stop');
        if (how === 'hangs') await new Promise(() => {});
        if (how === 'fails to stop') throw new Error('no');
      },
    };
  },
  () => say('last act'),
);
