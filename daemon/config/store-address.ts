import { PortcullisError } from '../base/errors.ts';
import { type StoreConfig, storeSchema } from './schema.ts';
import type { Environment } from './secret.ts';

/**
 * A vault as one names it on a command line: a directory, or `s3:https://HOST/BUCKET/PREFIX` with the credentials where every S3 tool looks for them,
 * in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; region from AWS_REGION. `?objectLock=none` for a bucket whose vault was made without locks.
 * Throws `usage.wrong`.
 */
export function storeFromAddress(address: string, environment: Environment): StoreConfig {
  if (!address.startsWith('s3:')) return { kind: 'directory', path: address };
  // Not quoted: somebody may have put a secret into it.
  const wrong = (what: string) =>
    new PortcullisError('usage.wrong', `This is no bucket: ${what}. Write s3:https://HOST/BUCKET/PREFIX.`);
  const text = address.slice('s3:'.length);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.username !== '' || url.password !== '')
    throw wrong('after s3: comes an address, and no credentials in it');
  const [bucket = '', ...prefix] = url.pathname.split('/').filter((part) => part !== '');
  const locks = url.searchParams.get('objectLock');
  const region = environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'];
  const parsed = storeSchema.safeParse({
    kind: 's3',
    endpoint: url.origin,
    bucket,
    ...(prefix.length === 0 ? {} : { prefix: prefix.join('/') }),
    ...(region === undefined ? {} : { region }),
    ...(locks === null ? {} : { objectLock: locks }),
    accessKeyId: { env: 'AWS_ACCESS_KEY_ID' },
    secretAccessKey: { env: 'AWS_SECRET_ACCESS_KEY' },
  });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw wrong(`its ${issue?.path.join('.')} is not what is accepted (${issue?.message})`);
  }
  return parsed.data;
}
