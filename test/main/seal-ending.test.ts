import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { SealRequest } from '../../daemon/base/jobs.ts';
import { childJobs } from '../../daemon/main/jobs.ts';
import { type GitServer, serveGit } from '../sources/git-server.ts';
import { commit, eventually, git, processesMarked, temporary } from '../sources/helpers.ts';

let server: GitServer | undefined;
let stop: (() => void) | undefined;
afterEach(async () => {
  stop?.();
  await server?.close();
});

/** Processes of seal jobs that this one has started. */
function seals(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const read = (file: string) => readFileSync(`/proc/${name}/${file}`, 'latin1');
        return read('cmdline').includes('main/seal.ts') && read('status').includes(`PPid:\t${process.pid}\n`);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** A seal job in the middle of a fetch from a server that has fallen silent. */
async function sealing() {
  const root = await temporary();
  const origin = join(root, 'origin');
  git('.', 'init', '--quiet', '-b', 'main', origin);
  for (const name of ['a', 'b', 'c']) commit(origin, name, randomBytes(400_000));
  server = await serveGit(root);
  const stalled = new Promise<void>((reached) => {
    if (server !== undefined) server.mischief = { kind: 'stall', bytes: 300_000, reached };
  });
  const work = await temporary();
  const request: SealRequest = {
    source: { kind: 'git', name: 'code', url: `${server.url}/origin/.git` },
    staging: join(work, 'staging'),
    index: join(work, 'index'),
    work,
    secret: join(work, 'secret'),
    recipients: [],
    vaultId: '00'.repeat(16),
    stagingLimit: 1 << 30,
    maxMemory: 200 << 20,
    compression: 3,
    expires: false,
    wall: 0,
  };
  const path = process.execArgv;
  process.execArgv = ['--import', 'tsx'];
  const { stream, kill } = childJobs.start('seal');
  process.execArgv = path;
  stop = kill;
  const over = new Promise<void>((resolve) => {
    stream.on('close', () => resolve());
    stream.on('error', () => {});
    stream.resume();
  });
  stream.write(`${JSON.stringify(request)}\n`);
  await stalled;
  expect(processesMarked(work).length).toBeGreaterThan(0);
  return { stream, kill, work, over };
}

it('a seal job that is killed, as at a trip, takes with it what its source has started', async () => {
  const { kill, work, over } = await sealing();
  kill();
  await over;
  await eventually(() => processesMarked(work).length === 0);
});

it('a seal job whose keeper has gone leaves nothing running', async () => {
  const { stream, work, over } = await sealing();
  stream.end();
  await over;
  await eventually(() => processesMarked(work).length === 0);
});

it('a seal job that does not end is killed all the same', async () => {
  const { kill, over } = await sealing();
  const [pid, ...more] = seals();
  expect(more).toEqual([]);
  process.kill(pid ?? 0, 'SIGSTOP');
  kill();
  await over;
});
