import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { sample } from './forge-sample.ts';
import { seeded, sourceOf } from './forge-seed.ts';
import { pullAll, type Read, temporary } from './helpers.ts';

const script = new URL('pull-forge.ts', import.meta.url).pathname;

/** Pulls in a process of its own and kills it without warning before `page`; resolves with what it said. */
async function pullAndKill(workdir: string, origins: { origin: string; site: string }, page: number): Promise<string> {
  const args = ['--import', 'tsx', script, workdir, origins.origin, origins.site, String(page)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const [said] = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), exited]);
  child.kill('SIGKILL');
  await exited;
  return String(said);
}

/** What does not depend on how often git fetched. */
function stable(all: readonly Read[]) {
  return all
    .filter(({ path }) => !/\.git\/objects\/pack\//.test(path))
    .map(({ path, bytes }) => [path, bytes?.toString('hex')]);
}

describe('a pull that was killed', () => {
  it('goes on where it was, before whatever page it ended, and comes to the same', async () => {
    const origins = await sample();
    const whole = stable(await pullAll(sourceOf(origins.forge), await temporary()));
    const { asked } = origins.forge;
    expect(asked.length).toBe(11);
    for (let page = 1; page <= asked.length; page += 1) {
      const workdir = await temporary();
      expect(await pullAndKill(workdir, origins, page), `page ${page}`).toBe('page');
      const forge = seeded(origins.origin, origins.site);
      const all = await pullAll(sourceOf(forge), workdir);
      expect(stable(all), `page ${page}`).toEqual(whole);
      expect(all.filter(({ path }) => /\.(tmp|part|cursor|lock)$/.test(path))).toEqual([]);
      // Pages of changes that were read before the kill are not read again.
      const read = asked.slice(0, page - 1).filter((what) => what.startsWith('issues of 1'));
      const again = forge.asked.filter((what) => what.startsWith('issues of 1'));
      expect(again.length, `page ${page}`).toBe(Math.max(1, 3 - read.length));
      if (read.length > 0) expect(again[0]).toMatch(/^issues of 1 from \d$/);
    }
  }, 120_000);
});
