import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { silentLog } from '../../daemon/base/log.ts';
import { runCli } from '../../daemon/cli/cli.ts';
import type { Context } from '../../daemon/cli/command.ts';
import { COMMANDS } from '../../daemon/cli/commands.ts';
import { openSource } from '../../daemon/sources/open.ts';
import { formatRecoveryKey } from '../../daemon/vault/key-file.ts';
import { FakeBucket } from '../sources/fake-bucket.ts';
import { never } from '../sources/helpers.ts';
import { World } from '../vault/world.ts';

describe('portcullis restore-bucket', () => {
  let world: World;
  let from: FakeBucket;
  let to: FakeBucket;
  let out: string;
  let err: string;
  beforeEach(async () => {
    world = await World.create();
    await writeFile(join(world.folder, 'recovery.key'), formatRecoveryKey(world.key));
    from = new FakeBucket();
    await from.start();
    to = new FakeBucket();
    await to.start();
    from.put('a', 'key and folder', {
      tags: { team: 'x' },
      headers: { 'content-type': 'text/x', 'x-amz-meta-who': 'me' },
    });
    from.put('a/b', 'below');
    from.put('/leading//twice/', 'strange');
    from.put('../../etc/passwd', 'harmless');
    from.put('large', Buffer.alloc(3_000_000, 'large'));
    const workdir = join(world.folder, 'work');
    await mkdir(workdir);
    const source = openSource(from.settings, { environment: {}, clock: systemClock, log: silentLog });
    const { entries, facts } = await source.pull({ workdir, signal: never });
    await world.seal(entries, { source: { name: 'sample', kind: 's3' }, facts });
    await world.ship();
  });
  afterEach(async () => {
    await from.stop();
    await to.stop();
    await world.cleanUp();
  });

  async function cli(...args: string[]): Promise<number> {
    out = '';
    err = '';
    const { endpoint, bucket, accessKeyId, secretAccessKey } = to.settings;
    const context = {
      clock: systemClock,
      env: { AWS_ACCESS_KEY_ID: String(accessKeyId.reveal()), AWS_SECRET_ACCESS_KEY: String(secretAccessKey.reveal()) },
      version: '0',
      terminal: false,
      interrupted: new AbortController().signal,
      out: (text: string) => {
        out += text;
      },
      err: (text: string) => {
        err += `${text}\n`;
      },
      openStore: async () => world.store,
    } as unknown as Context;
    const vault = ['--store', world.root, '--key', join(world.folder, 'recovery.key')];
    return runCli(['restore-bucket', ...args, '--endpoint', endpoint, '--bucket', bucket, ...vault], COMMANDS, context);
  }

  it('looks first, then puts each object under its key with what belongs to it, and not twice', async () => {
    expect(await cli('1'), err).toBe(0);
    expect(out).toContain('Would put 5 objects of sample');
    expect(to.keys.size).toBe(0);
    expect(await cli('1', '--apply'), err).toBe(0);
    for (const [key, versions] of from.keys)
      expect(to.keys.get(key)?.at(-1)?.bytes, key).toEqual(versions.at(-1)?.bytes);
    expect(to.keys.size).toBe(from.keys.size);
    expect(to.keys.get('a')?.at(-1)).toMatchObject({
      tags: { team: 'x' },
      headers: { 'content-type': 'text/x', 'x-amz-meta-who': 'me' },
    });
    expect(await cli('1', '--apply', '--json'), err).toBe(0);
    const last = JSON.parse(out.trim().split('\n').at(-1) ?? '');
    expect(last).toMatchObject({ seq: 1, applied: true, made: 0, same: 5, failed: 0 });
  });

  it('takes only what is asked for, and nobody’s place', async () => {
    to.put('a', 'another');
    expect(await cli('1', '--prefix', 'a', '--apply')).toBe(1);
    expect(err).toContain('LEFT ALONE "a"');
    expect([...to.keys.keys()].sort()).toEqual(['a', 'a/b']);
    expect(String(to.keys.get('a')?.at(-1)?.bytes)).toBe('another');
    expect(await cli('1', '--prefix', 'a', '--apply', '--overwrite'), err).toBe(0);
    expect(String(to.keys.get('a')?.at(-1)?.bytes)).toBe('key and folder');
  });

  it('says of a bucket that is not there what to do, which is nothing about a snapshot', async () => {
    to.exists = false;
    expect(await cli('1', '--apply')).toBe(1);
    expect(err).toContain('[restore.failed]');
    expect(err).not.toContain('no snapshot was made');
  });

  it('is for buckets', async () => {
    await world.seal({ x: Buffer.from('x') });
    await world.ship();
    expect(await cli('2')).toBe(2);
    expect(err).toContain('is no bucket');
  });
});
