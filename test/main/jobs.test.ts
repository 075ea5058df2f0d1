import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runSeal } from '../../daemon/keeper/jobs.ts';
import { childJobs } from '../../daemon/main/jobs.ts';

/** A request that no job can do anything with: nothing can be made below a device. */
const REQUEST = {
  source: { name: 'x', kind: 'directory', path: '/dev/null/x', exclude: [], canaries: [] },
  staging: '/dev/null/staging',
  index: '/dev/null/index',
  work: '/dev/null/work',
  secret: '/dev/null/secret',
  recipients: [],
  vaultId: '00',
  stagingLimit: 2 ** 40,
  maxMemory: 128 << 20,
  compression: 3,
  expires: false,
  wall: 0,
};

let argv: string[];

beforeEach(() => {
  argv = process.execArgv;
  process.execArgv = ['--import', 'tsx'];
});

afterEach(() => {
  process.execArgv = argv;
});

const DEAF = { pulling: () => {}, progress: () => {}, part: () => {}, full: () => {} };

describe('a job process', () => {
  it('says why it failed, and the keeper hears it', async () => {
    await expect(runSeal(childJobs, REQUEST, new AbortController().signal, DEAF)).rejects.toThrow('ENOTDIR');
  });

  it('does not seal where the volume of working copies is not mounted, and writes nothing in its place', async () => {
    const mount = await mkdtemp(join(tmpdir(), 'portcullis-jobs-'));
    try {
      const request = { ...REQUEST, work: join(mount, 'copies') };
      await expect(runSeal(childJobs, request, new AbortController().signal, DEAF)).rejects.toMatchObject({
        code: 'source.failed',
        what: `Source x: the folder of working copies ${mount}/copies does not exist; mount its volume, or make it.`,
      });
      expect(await readdir(mount)).toEqual([]);
    } finally {
      await rm(mount, { recursive: true });
    }
  });

  it.each(['seal', 'ship'] as const)('of %s is gone at once when it is killed', async (kind) => {
    const { stream, kill } = childJobs.start(kind);
    const over = closed(stream);
    kill();
    await over;
  });

  it('ends when its standard input does', async () => {
    const { stream } = childJobs.start('ship');
    const over = closed(stream);
    stream.end();
    await over;
  });

  it('that cannot be started at all is job.died, and nothing is left unhandled', async () => {
    const path = process.execPath;
    process.execPath = '/nowhere/at/all';
    try {
      await expect(runSeal(childJobs, REQUEST, new AbortController().signal, DEAF)).rejects.toMatchObject({
        code: 'job.died',
      });
    } finally {
      process.execPath = path;
    }
  });
});

function closed(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    stream
      .on('error', () => {})
      .on('close', resolve)
      .resume();
  });
}
