import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runSweep } from '../../daemon/keeper/jobs.ts';
import { childJobs } from '../../daemon/main/jobs.ts';
import { signRecord } from '../../daemon/vault/record.ts';
import { noise, print, WALL, World } from '../vault/world.ts';

const DAY = 86_400_000;

describe('the sweep job', () => {
  let world: World;
  const { execArgv } = process;
  beforeAll(() => {
    process.execArgv = ['--import', 'tsx'];
  });
  afterAll(() => {
    process.execArgv = execArgv;
  });
  beforeEach(async () => {
    world = await World.create();
    for (let day = 1; day <= 2; day++) {
      await world.seal({ own: noise(50_000, day) }, { wall: WALL + day * DAY });
      await world.ship();
    }
  });
  afterEach(() => world.cleanUp());

  const run = (wall: number, grant: boolean) =>
    runSweep(
      childJobs,
      {
        type: 'sweep',
        store: { kind: 'directory', path: world.root },
        staging: world.staging,
        index: world.state,
        vaultId: world.vaultId.toString('hex'),
        verifyKey: world.verifyKey.toString('base64'),
        heads: world.heads,
        rules: { last: 1, floor: 1 },
        graceMs: DAY,
        wall,
        cleared: [],
        most: 100,
        mostLocks: 100,
      },
      new AbortController().signal,
      {
        sign: async ({ body }) => {
          const expect = { vaultId: world.vaultId, heads: world.heads, ...(grant ? { graceEnds: wall + DAY } : {}) };
          const { signature, hash } = signRecord(body, world.secrets.signing, expect);
          world.heads = [...world.heads, hash];
          return signature;
        },
        committed: ({ head }) => {
          world.heads = [head];
        },
      },
    );

  it('names, and removes, what the keeper lets it', async () => {
    expect(await run(WALL + 2 * DAY, true)).toMatchObject({ buried: [1], removed: 0 });
    expect(world.heads).toHaveLength(1);
    const swept = await run(WALL + 3 * DAY, true);
    expect(swept).toMatchObject({ buried: [], held: 0, left: 0 });
    expect(swept.removed).toBeGreaterThan(1);
    expect(print((await world.restore('2')).tree)).toEqual(print({ own: noise(50_000, 2) }));
  }, 60_000);

  it('changes nothing when the keeper refuses', async () => {
    const before = await world.objects();
    await expect(run(WALL + 2 * DAY, false)).rejects.toThrow('refused to sign');
    expect(await world.objects()).toEqual(before);
  }, 60_000);
});
