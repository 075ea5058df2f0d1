import { describe, expect, it } from 'vitest';
import { readConfig } from '../../daemon/config/read.ts';
import { secretsIn } from '../../daemon/config/source-secrets.ts';
import { SOUND } from './samples.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJHcSrsyOXBx8fxiVFrFZOdh0tMz4FrTIYXhOTEqjMmB nas';
const SSH = `kind: ssh
    host: nas.example
    user: backup
    path: /srv/files
    sshKey: nas.key
    hostKey: ["${KEY}"]
`;
const S3 = `kind: s3
    endpoint: https://s3.eu-central-1.amazonaws.com
    bucket: acme-photos
    accessKeyId: {file: id}
    secretAccessKey: {credential: secret}
`;

function read(kind: string, from = '', to = '') {
  const text = SOUND.replace('kind: git\n    url: ./origin.git\n', kind.replace(from, to));
  const reading = readConfig(Buffer.from(text), '/etc/portcullis');
  return reading.ok ? reading.config.sources[0] : reading.faults.map(({ path, accepted }) => `${path}: ${accepted}`);
}

describe('sources on other machines', () => {
  it('have their defaults, and files beside the configuration', () => {
    expect(read(SSH)).toEqual({
      kind: 'ssh',
      name: 'repository',
      host: 'nas.example',
      port: 22,
      user: 'backup',
      path: '/srv/files',
      sshKey: '/etc/portcullis/nas.key',
      hostKey: [KEY],
      exclude: [],
      canaries: [],
      attributes: true,
    });
    expect(read(S3)).toEqual({
      kind: 's3',
      name: 'repository',
      endpoint: 'https://s3.eu-central-1.amazonaws.com',
      region: 'us-east-1',
      bucket: 'acme-photos',
      prefix: '',
      forcePathStyle: true,
      accessKeyId: { file: '/etc/portcullis/id' },
      secretAccessKey: { credential: 'secret' },
      versions: 'current',
      include: [],
      exclude: [],
      tags: true,
      acls: true,
    });
  });

  it('name where their secrets stand', () => {
    const source = read(S3, 'bucket:', 'sessionToken: {env: TOKEN}\n    bucket:');
    if (source === undefined || Array.isArray(source)) throw new Error(String(source));
    expect(Object.keys(secretsIn(source))).toEqual(['accessKeyId', 'secretAccessKey', 'sessionToken']);
  });

  it.each([
    ['no key of the host', SSH, `["${KEY}"]`, '[]', /hostKey/],
    ['a key of the host that is none', SSH, KEY, 'AAAA', /hostKey\[0\]: a public key such as/],
    ['a relative path', SSH, '/srv/files', 'files', /path: a path that starts with \//],
    ['a host that is an option', SSH, 'nas.example', '-oProxyCommand=x', /host/],
    ['a user that is an option', SSH, 'user: backup', 'user: -x', /user: a user name/],
    ['credentials in the address', S3, 'https://', 'https://me:secret@', /endpoint: an address without credentials/],
    ['a secret itself', S3, '{file: id}', 'AKIA', /accessKeyId: where the secret stands/],
  ])('are refused with %s', (_, kind, from, to, fault) => {
    expect(read(kind, from, to)).toEqual([expect.stringMatching(fault)]);
  });
});
