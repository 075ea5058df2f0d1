import type { SecretRef, SourceConfig } from './schema.ts';

/** Where the secrets of a source stand, by the key that names each. */
export function secretsIn(source: SourceConfig): Readonly<Record<string, SecretRef>> {
  switch (source.kind) {
    case 'git':
      return source.token === undefined ? {} : { token: source.token };
    case 'github':
    case 'gitlab':
    case 'gitea':
      return { token: source.token };
    case 'postgresql':
    case 'mariadb':
    case 'mysql':
    case 'mongodb':
    case 'redis':
    case 'etcd':
      return source.password === undefined ? {} : { password: source.password };
    case 's3': {
      const { accessKeyId, secretAccessKey, sessionToken } = source;
      return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
    }
    case 'directory':
    case 'ssh':
    case 'command':
    case 'sqlite':
      return {};
    default:
      return source satisfies never;
  }
}
