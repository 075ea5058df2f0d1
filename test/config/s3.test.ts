import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatFaults } from '../../daemon/config/fault.ts';
import { compileGate } from '../../daemon/config/gate.ts';
import { readConfig, type Surroundings } from '../../daemon/config/read.ts';
import { gateConfig } from '../../daemon/gate/config.ts';
import { SOUND } from './samples.ts';

const BUCKET = `kind: s3
    endpoint: https://nas.lan:7480
    bucket: vault
    accessKeyId: {file: access.key}
    secretAccessKey: {credential: s3-secret}
`;

/** A configuration with a bucket behind a relay board; `from` in it replaced by `to`. */
function withBucket(from = '', to = ''): string {
  const text = SOUND.replace('kind: directory\n    path: vault\n', BUCKET).replace(
    '  driver: simulated\n  directory: board\n',
    '  driver: hardware\n  relay: {driver: serial, model: lcus, port: /dev/ttyUSB0}\n',
  );
  if (from !== '' && text.split(from).length !== 2) throw new Error(`${JSON.stringify(from)} is not there once`);
  return text.replace(from, to);
}

function read(text: string, around?: Surroundings, directory = '/etc/portcullis') {
  return readConfig(Buffer.from(text), directory, around);
}

function faultsOf(text: string, around?: Surroundings, directory?: string): string[] {
  const reading = read(text, around, directory);
  return reading.ok ? [] : reading.faults.map(({ path, found, accepted }) => `${path}: ${found}; ${accepted}`);
}

function configOf(text: string) {
  const reading = read(text);
  if (!reading.ok) throw new Error(formatFaults('', reading.faults));
  return reading.config;
}

const ENDPOINT = 'https://HOST:PORT, or http:// with localhost or a private IP address';

describe('a bucket as the vault', () => {
  it('is locked for 30 days unless told otherwise, and its files are read from where the configuration is', () => {
    expect(configOf(withBucket()).vault.store).toEqual({
      kind: 's3',
      endpoint: 'https://nas.lan:7480',
      region: 'us-east-1',
      bucket: 'vault',
      accessKeyId: { file: '/etc/portcullis/access.key' },
      secretAccessKey: { credential: 's3-secret' },
      objectLock: 'compliance',
      retention: '30d',
      forcePathStyle: true,
    });
  });

  it('compiles to the gate of a board that knows of no vault', () => {
    const compiled = gateConfig(JSON.parse(JSON.stringify(compileGate(configOf(withBucket()), 'box'))));
    expect(compiled.board).not.toHaveProperty('vault');
    expect(JSON.stringify(compiled)).not.toContain('nas.lan');
  });

  it.each([
    'https://s3.eu-central-1.amazonaws.com',
    'https://192.0.2.1:7480/',
    'http://localhost:9000',
    'http://127.0.0.2:9000',
    'http://10.1.2.3:7480',
    'http://172.31.255.255',
    'http://192.168.1.9:7480',
    '"http://[::1]:9000"',
    '"http://[fd00::7]:7480"',
  ])('takes the endpoint %s', (endpoint) => {
    expect(faultsOf(withBucket('https://nas.lan:7480', endpoint))).toEqual([]);
  });

  it.each([
    'http://nas.lan:7480',
    'http://192.0.2.1:7480',
    'http://172.32.0.1',
    '"http://[2001:db8::1]"',
    'http://127.0.0.1.example.org',
    'https://nas.lan/bucket',
    'https://nas.lan/?x=1',
    's3://nas.lan',
    'nas.lan:7480',
  ])('refuses the endpoint %s', (endpoint) => {
    const shown = endpoint.startsWith('"') ? endpoint : JSON.stringify(endpoint);
    expect(faultsOf(withBucket('https://nas.lan:7480', endpoint))).toEqual([
      `vault.store.endpoint: ${shown}; ${ENDPOINT}`,
    ]);
  });

  it('repeats no secret that somebody wrote into the file', () => {
    const inline = withBucket('{credential: s3-secret}', 'hunter2').replace('{file: access.key}', 'AKhunter2');
    const all = faultsOf(inline.replace('https://nas.lan', 'https://me:hunter2@nas.lan'));
    expect(all).toHaveLength(3);
    expect(all.join()).not.toContain('hunter2');
    expect(all[0]).toBe(
      'vault.store.endpoint: text that is not repeated here; an address without credentials: secrets never stand in this file',
    );
  });

  it.each([
    ['bucket: vault', 'bucket: Vault!', 'vault.store.bucket: "Vault!"; a bucket\'s name'],
    ['bucket: vault', 'bucket: vault\n    objectLock: false', 'vault.store.objectLock: false; one of compliance, none'],
    [
      'bucket: vault',
      'bucket: vault\n    retention: 1h',
      'vault.store.retention: "1h"; a duration from 1d to 36500d, such as 500ms, 30s, 10m, 1h',
    ],
    [
      'bucket: vault',
      'bucket: vault\n    prefix: a/../b',
      'vault.store.prefix: "a/../b"; a folder of A–Z a–z 0–9 . _ - without a slash at its ends',
    ],
    [
      'bucket: vault',
      'bucket: vault\n    prefix: /a',
      'vault.store.prefix: "/a"; a folder of A–Z a–z 0–9 . _ - without a slash at its ends',
    ],
    ['    bucket: vault\n', '', "vault.store.bucket: nothing; a bucket's name"],
    [
      'bucket: vault',
      'bucket: vault\n    path: vault',
      'vault.store.path: an unknown key; one of kind, endpoint, region, bucket, prefix, accessKeyId, secretAccessKey, objectLock, retention, forcePathStyle',
    ],
    [
      'port: /dev/ttyUSB0}\n',
      'port: /dev/ttyUSB0}\n  device: /dev/disk/by-uuid/x\n',
      'board.device: "/dev/disk/by-uuid/x"; no device with a store of kind s3: `carrier` and `probe` prove a network link',
    ],
    [
      '  driver: hardware\n  relay: {driver: serial, model: lcus, port: /dev/ttyUSB0}\n',
      '  driver: simulated\n  directory: board\n',
      'vault.store.kind: "s3" with the simulated board; directory: the simulated board takes a directory away, not a network',
    ],
  ])('with %j made %j says so', (from, to, fault) => {
    expect(faultsOf(withBucket(from, to))).toEqual([fault]);
  });

  it('needs credentials that can be read, where a person asks', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'portcullis-config-'));
    try {
      await writeFile(join(folder, 'token'), 'x'.repeat(40));
      const around: Surroundings = {
        wall: 0,
        environment: {},
        network: { addresses: {}, defaultRoutes: [], timeServers: [], unknown: [] },
        secretFault: () => undefined,
        alertRuleFault: () => undefined,
      };
      expect(faultsOf(withBucket(), around, folder)).toEqual([
        `vault.store.accessKeyId: file ${join(folder, 'access.key')}, which does not exist; a secret this user may read`,
        'vault.store.secretAccessKey: credential s3-secret, because systemd passed no credentials; a secret this user may read',
      ]);
      await writeFile(join(folder, 'access.key'), 'AK');
      const given = withBucket('{credential: s3-secret}', '{env: S3_SECRET}');
      expect(faultsOf(given, { ...around, environment: { S3_SECRET: 'x' } }, folder)).toEqual([]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it.each([
    ['"0 3 * * 0"', '1d', '7 days'],
    ['"0 3 1 * *"', '30d', '31 days'],
    ['"0 3 * * *"', '1d', undefined],
    ['"0 3 1 * *"', '31d', undefined],
  ])('windows at %s with locks of %s: %s', (cron, retention, gap) => {
    const around: Surroundings = {
      wall: Date.parse('2026-11-28T00:00:00Z'),
      environment: {},
      network: { addresses: {}, defaultRoutes: [], timeServers: [], unknown: [] },
      secretFault: () => undefined,
      alertRuleFault: () => undefined,
    };
    const text = withBucket('bucket: vault\n', `bucket: vault\n    retention: ${retention}\n`);
    const faults = faultsOf(text.replace('"30 3 * * *"', cron), around).filter((fault) => fault.includes('retention'));
    expect(faults).toEqual(
      gap === undefined ? [] : [expect.stringContaining(`"${retention}", with up to ${gap} from window to window`)],
    );
  });
});
