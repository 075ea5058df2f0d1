import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { Secret } from '../../daemon/base/secret.ts';
import { loadConfig } from '../../daemon/config/load.ts';
import { readIdentity, statePaths } from '../../daemon/config/state.ts';
import { runSeal, runShip } from '../../daemon/keeper/jobs.ts';
import { childJobs } from '../../daemon/main/jobs.ts';
import { examineStore, openStore } from '../../daemon/main/stores.ts';
import { NO_RECORD } from '../../daemon/vault/format.ts';
import { signRecord } from '../../daemon/vault/record.ts';
import { runCommand } from '../cli/context.ts';
import { FakeS3 } from '../store/fake-s3.ts';

const SECRET = 'hunter2-hunter2-hunter2-hunter2';

describe('a bucket as the vault of an appliance', () => {
  let server: FakeS3;
  let folder: string;
  let out: string;
  let argv: string[];
  const at = (name: string) => join(folder, name);
  beforeEach(async () => {
    server = new FakeS3();
    await server.start();
    folder = await mkdtemp(join(tmpdir(), 'portcullis-bucket-'));
    argv = process.execArgv;
    process.execArgv = ['--import', 'tsx'];
    await writeFile(at('access.key'), `${server.accessKeyId}\n`);
    await writeFile(at('secret.key'), `${SECRET}\n`);
    await mkdir(at('documents'));
    await writeFile(at('documents/letter'), 'Dear vault');
    await configure({});
  });
  afterEach(async () => {
    process.execArgv = argv;
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function configure(store: Record<string, unknown>): Promise<void> {
    const config = {
      appliance: { state: 'state', runtime: 'run', clock: 'system' },
      board: { driver: 'hardware', relay: { driver: 'serial', model: 'lcus', port: '/dev/nowhere' } },
      windows: [{ name: 'nightly', cron: '30 2 * * *', duration: '1h' }],
      vault: {
        store: {
          kind: 's3',
          endpoint: server.endpoint,
          bucket: server.bucket,
          accessKeyId: { file: 'access.key' },
          secretAccessKey: { file: 'secret.key' },
          ...store,
        },
      },
      sources: [{ name: 'documents', kind: 'directory', path: 'documents' }],
    };
    await writeFile(at('portcullis.yaml'), JSON.stringify(config, null, 1));
  }

  async function cli(...args: string[]): Promise<number> {
    const ran = await runCommand([...args, '--config', at('portcullis.yaml')], {
      examineStore: (store, runtime) => examineStore(store, runtime, { environment: {}, clock: systemClock }),
      boxFacts: async () => ({
        outputsPersist: false,
        offHelper: true,
        serviceWatchdog: true,
        hardwareWatchdog: true,
        missing: [],
        uncounted: [],
      }),
      networkFacts: async () => ({ addresses: {}, defaultRoutes: [], timeServers: [], unknown: [] }),
    });
    out = ran.out + ran.err;
    return ran.code;
  }

  const init = () => cli('init', '--recovery-key', at('recovery.key'));

  it('goes from init through the jobs to a restore, and nobody says the secret', async () => {
    expect(await init(), out).toBe(0);
    expect(out).toContain(`in ${server.endpoint}/vault`);
    expect(out).toContain('Protection:    enforced.');
    let told = out;

    const config = await loadConfig(at('portcullis.yaml'));
    const paths = statePaths(config);
    const identity = await readIdentity(paths.identity);
    const { signal } = new AbortController();
    for (const path of [paths.staging, paths.index, paths.work]) await mkdir(path, { recursive: true });
    const { batch } = await runSeal(
      childJobs,
      {
        source: { ...config.sources[0] },
        staging: paths.staging,
        index: paths.index,
        work: paths.work,
        secret: paths.sealingSecret,
        recipients: identity.recipients.map(({ key }) => key),
        vaultId: identity.vaultId,
        stagingLimit: 2 ** 40,
        maxMemory: 128 << 20,
        compression: 3,
        expires: false,
        wall: systemClock.wall(),
      },
      signal,
      { pulling: () => {}, progress: () => {}, part: () => {}, full: () => {} },
    );
    const signing = new Secret(await readFile(paths.signingSeed));
    const request = {
      type: 'ship' as const,
      store: { ...config.vault.store },
      staging: paths.staging,
      index: paths.index,
      batches: [batch],
      vaultId: identity.vaultId,
      verifyKey: identity.verifyKey,
      heads: [NO_RECORD],
    };
    expect(JSON.stringify(request)).not.toContain(SECRET);
    const committed: string[] = [];
    await runShip(childJobs, request, signal, {
      progress: () => {},
      sign: async ({ body }) =>
        signRecord(body, signing, { vaultId: Buffer.from(identity.vaultId, 'hex'), heads: [NO_RECORD] }).signature,
      committed: ({ snapshot }) => committed.push(snapshot),
    });
    expect(committed).toHaveLength(1);
    const objects = [...server.versions].filter(([key]) => !key.startsWith('canary/'));
    expect(objects.length).toBeGreaterThan(5);
    for (const [key, versions] of objects) {
      expect(versions, key).toHaveLength(1);
      expect(versions[0]?.lock?.mode, key).toBe('COMPLIANCE');
    }

    for (const key of server.versions.keys()) {
      server.add(key, Buffer.from('overwritten'), undefined);
      server.add(key, Buffer.alloc(0), undefined, false, true);
    }
    expect(await cli('snapshots', '--key', at('recovery.key')), out).toBe(0);
    expect(out).toContain('documents');
    told += out;
    expect(await cli('verify', '--read-data', '--key', at('recovery.key')), out).toBe(0);
    told += out;
    expect(await cli('restore', '1', '--key', at('recovery.key'), '--to', at('restored')), out).toBe(0);
    expect(await readFile(at('restored/letter'), 'utf8')).toBe('Dear vault');
    told += out;
    const env = { AWS_ACCESS_KEY_ID: server.accessKeyId, AWS_SECRET_ACCESS_KEY: SECRET };
    // On another machine: nothing but the bucket, its credentials and the key.
    const elsewhere = await runCommand(
      ['restore', '1', '--store', `s3:${server.endpoint}/vault`, '--key', at('recovery.key'), '--to', at('elsewhere')],
      { env, openStore: (store) => openStore(store, { environment: env, clock: systemClock }) },
    );
    expect(elsewhere, elsewhere.err).toMatchObject({ code: 0 });
    expect(await readFile(at('elsewhere/letter'), 'utf8')).toBe('Dear vault');
    told += elsewhere.out + elsewhere.err;
    await cli('doctor', '--json');
    expect(doctorSays()).toMatchObject({ verdict: 'ok' });
    told += out;

    // The box dies: another goes on with the bucket, beneath what the thief has put on top.
    await rm(at('state'), { recursive: true });
    expect(await cli('init', '--adopt', '--key', at('recovery.key')), out).toBe(0);
    expect(out).toContain('1 snapshots');
    expect((await readIdentity(paths.identity)).vaultId).toBe(identity.vaultId);
    expect(await readFile(paths.signingSeed)).toEqual(signing.reveal());
    expect(told + out).not.toContain(SECRET);
  });

  const doctorSays = () => JSON.parse(out).findings.find(({ check }: { check: string }) => check === 'store');

  it('is refused by init, which makes nothing, when it does not keep what is locked', async () => {
    server.character = { deletesLocked: true };
    expect(await init()).toBe(3);
    expect(out).toContain('[store.unlocked]');
    expect(existsSync(at('state'))).toBe(false);
    expect(existsSync(at('recovery.key'))).toBe(false);
    expect([...server.versions.keys()]).toEqual(['canary/lock']);
  });

  it('without locks is called advisory by init and doctor, and only where the configuration says so', async () => {
    server.locks = false;
    expect(await init()).toBe(3);
    await configure({ objectLock: 'none' });
    expect(await init(), out).toBe(0);
    expect(out).toContain('Protection:    advisory.');
    await cli('doctor', '--json');
    expect(doctorSays()).toMatchObject({ verdict: 'warning', detail: expect.stringContaining('can delete the vault') });
  });

  it('is no place for --vault', async () => {
    expect(await cli('init', '--recovery-key', at('recovery.key'), '--vault', at('disk'))).toBe(2);
    expect(out).toContain('--vault is for a disk');
  });

  it('that cannot be reached is no fault of the box, and one that refuses it is', async () => {
    server.disturb = () => 'cut';
    await cli('doctor', '--json');
    expect(doctorSays()).toMatchObject({ verdict: 'warning', detail: expect.stringContaining('cannot be reached') });
    server.disturb = () => ({ status: 403, code: 'SignatureDoesNotMatch' });
    await cli('doctor', '--json');
    expect(doctorSays()).toMatchObject({ verdict: 'bad', detail: expect.stringContaining('secretAccessKey') });
    await rm(at('secret.key'));
    await cli('doctor', '--json');
    expect(doctorSays()).toMatchObject({ verdict: 'bad', detail: expect.stringContaining('does not exist') });
  });
});
