import { beforeEach, describe, expect, it } from 'vitest';
import type { SealRequest } from '../../daemon/base/jobs.ts';
import { runSeal, runShip, type SealHandlers } from '../../daemon/keeper/jobs.ts';
import { until } from '../gate/rig.ts';
import { type FakeJob, FakeRunner } from './fake-runner.ts';

const REQUEST: SealRequest = {
  source: { name: 'docs' },
  staging: '/staging',
  index: '/index',
  work: '/work',
  secret: '/secret',
  recipients: [],
  vaultId: '00',
  stagingLimit: 2 ** 40,
  maxMemory: 128 << 20,
  compression: 3,
  expires: false,
  wall: 0,
};
const SHIP = {
  type: 'ship' as const,
  store: {},
  staging: '/staging',
  index: '/index',
  batches: ['b'],
  vaultId: '00',
  verifyKey: '',
  heads: [],
};
const DONE = {
  type: 'done',
  batch: 'b',
  files: 1,
  bytes: 2,
  newBytes: 3,
  packs: 1,
  problemCount: 0,
  problems: [],
  pinnedBytes: 0,
  doubts: [],
};

let runner: FakeRunner;
let stopper: AbortController;
let job: () => FakeJob;

beforeEach(() => {
  runner = new FakeRunner();
  stopper = new AbortController();
  job = () => {
    const [first] = runner.jobs;
    if (first === undefined) throw new Error('no job was started');
    return first;
  };
});

const DEAF: SealHandlers = { pulling: () => {}, progress: () => {}, part: () => {}, full: () => {} };

describe('a job', () => {
  it('is told its request, heard out, and ended', async () => {
    const progress: number[] = [];
    const sealed = runSeal(runner, REQUEST, stopper.signal, { ...DEAF, progress: ({ files }) => progress.push(files) });
    await until(() => job().received.length === 1);
    expect(job().received[0]).toEqual(REQUEST);
    job().say({ type: 'progress', files: 5, bytes: 1, newBytes: 1 });
    job().say(DONE);
    expect(await sealed).toEqual(DONE);
    expect(progress).toEqual([5]);
    expect(job().killed).toBe(true);
  });

  it('that dies without a word is job.died', async () => {
    const sealed = runSeal(runner, REQUEST, stopper.signal, DEAF);
    job().die();
    await expect(sealed).rejects.toMatchObject({ code: 'job.died' });
    expect(job().killed).toBe(true);
  });

  it('that says why it failed is rejected with its own code; an unknown code does not pass as ours', async () => {
    const first = runSeal(runner, REQUEST, stopper.signal, DEAF);
    job().say({ type: 'failed', code: 'source.failed', what: 'The origin is gone.' });
    await expect(first).rejects.toMatchObject({ code: 'source.failed', what: 'The origin is gone.' });
    const second = runSeal(runner, REQUEST, stopper.signal, DEAF);
    runner.jobs[1]?.say({ type: 'failed', code: 'toString', what: 'Strange.' });
    await expect(second).rejects.toMatchObject({ code: 'job.died', what: 'Strange.' });
  });

  it.each(['nonsense\n', '{"type":"done"}\n', '{"type":"unheard"}\n', 'x'.repeat((1 << 20) + 1)])(
    'that breaks the protocol (%#) is killed',
    async (bytes) => {
      const sealed = runSeal(runner, REQUEST, stopper.signal, DEAF);
      job().babble(bytes);
      await expect(sealed).rejects.toMatchObject({ code: 'job.died' });
      expect(job().killed).toBe(true);
    },
  );

  it('is killed in the turn in which its connection is lost, and what it says afterwards changes nothing', async () => {
    const committed: string[] = [];
    const shipped = runShip(runner, SHIP, stopper.signal, {
      progress: () => {},
      sign: async () => 'signature',
      committed: ({ batch }) => committed.push(batch),
    });
    const rejected = expect(shipped).rejects.toMatchObject({
      code: 'job.stopped',
      what: expect.stringContaining('Trip: test'),
    });
    stopper.abort('Trip: test');
    expect(job().killed).toBe(true);
    job().say({
      type: 'committed',
      batch: 'b',
      snapshot: 's',
      seq: 1,
      head: 'h',
      bytes: 1,
      verifiedBytes: 1,
      cachedBytes: 0,
    });
    await rejected;
    expect(committed).toEqual([]);
  });

  it('is not even started once the connection is lost', async () => {
    stopper.abort('gone');
    await expect(runSeal(runner, REQUEST, stopper.signal, DEAF)).rejects.toMatchObject({ code: 'job.stopped' });
    expect(runner.jobs).toEqual([]);
  });

  it('gets a signature for its body, or hears why not', async () => {
    const asked: string[] = [];
    const shipped = runShip(runner, SHIP, stopper.signal, {
      progress: () => {},
      sign: async ({ body }) => {
        asked.push(body);
        if (body === 'bad') throw new Error('another vault');
        return `signed ${body}`;
      },
      committed: () => {},
    });
    job().say({ type: 'sign', id: 1, batch: 'b', body: 'good' });
    job().say({ type: 'sign', id: 2, batch: 'b', body: 'bad' });
    await until(() => job().received.length === 3);
    expect(job().received.slice(1)).toEqual([
      { type: 'signature', id: 1, signature: 'signed good' },
      { type: 'refused', id: 2, reason: 'Error: another vault' },
    ]);
    expect(asked).toEqual(['good', 'bad']);
    job().say({ type: 'done', bytes: 1, verifiedBytes: 1, cachedBytes: 0, orphans: 0 });
    expect(await shipped).toMatchObject({ bytes: 1 });
  });
});
