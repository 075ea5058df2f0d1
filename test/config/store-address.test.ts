import { expect, it } from 'vitest';
import { storeFromAddress } from '../../daemon/config/store-address.ts';

it('a directory is one, whatever it is called', () => {
  for (const path of ['/mnt/vault', 'vault', './s3/vault', 'https://x/y'])
    expect(storeFromAddress(path, {})).toEqual({ kind: 'directory', path });
});

it('a bucket takes its credentials from where every tool looks for them, and locks for granted', () => {
  expect(storeFromAddress('s3:https://s3.example.com/backups/prod/one', { AWS_REGION: 'eu-central-1' })).toMatchObject({
    kind: 's3',
    endpoint: 'https://s3.example.com',
    bucket: 'backups',
    prefix: 'prod/one',
    region: 'eu-central-1',
    objectLock: 'compliance',
    accessKeyId: { env: 'AWS_ACCESS_KEY_ID' },
  });
  expect(storeFromAddress('s3:https://s3.example.com/backups?objectLock=none', {})).toMatchObject({
    objectLock: 'none',
    region: 'us-east-1',
  });
});

it.each([
  's3:backups',
  's3:https://s3.example.com',
  's3:https://s3.example.com/UPPER',
  's3:https://key:secret@s3.example.com/backups',
  's3:https://s3.example.com/backups/a b',
  's3:https://s3.example.com/backups?objectLock=maybe',
])('%s is wrong use', (address) => {
  expect(() => storeFromAddress(address, {})).toThrow(expect.objectContaining({ code: 'usage.wrong' }));
});

it('says no secret that somebody wrote into it', () => {
  let said = '';
  try {
    storeFromAddress('s3:https://key:hunter2@s3.example.com/backups', {});
  } catch (error) {
    said = String(error);
  }
  expect(said).toContain('credentials');
  expect(said).not.toContain('hunter2');
});
