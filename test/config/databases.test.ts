import { describe, expect, it } from 'vitest';
import { formatFaults } from '../../daemon/config/fault.ts';
import { readConfig } from '../../daemon/config/read.ts';
import { secretsIn } from '../../daemon/config/source-secrets.ts';
import { SOUND } from './samples.ts';

/** A configuration with this source in the place of a command. */
function read(source: string) {
  const lines = `  - name: database\n    kind: command\n    command: [./dump, --all]\n`;
  if (!SOUND.includes(lines)) throw new Error('the sample has changed');
  const text = SOUND.replace(lines, `  - {name: database, ${source}}\n`);
  return readConfig(Buffer.from(text), '/etc/portcullis');
}

function sourceOf(source: string) {
  const reading = read(source);
  if (!reading.ok) throw new Error(formatFaults('', reading.faults));
  return reading.config.sources[2]!;
}

describe('a database in the configuration', () => {
  it('needs little to be said, and has its files beside the configuration', () => {
    expect(sourceOf('kind: postgresql, user: portcullis, password: {file: pw}, ca: ca.pem, tools: ../lib/bin')).toEqual(
      {
        name: 'database',
        kind: 'postgresql',
        host: 'localhost',
        port: 5432,
        user: 'portcullis',
        password: { file: '/etc/portcullis/pw' },
        ca: '/etc/portcullis/ca.pem',
        tools: '/etc/lib/bin',
        databases: [],
        maintenance: 'postgres',
        accounts: true,
        timeout: '6h',
      },
    );
  });

  it.each([
    ['kind: mariadb, user: a', 3306],
    ['kind: mysql, user: a, host: "::1"', 3306],
    ['kind: mongodb', 27_017],
    ['kind: redis, host: /run/redis/redis.sock', 6379],
  ])('%s has its usual port', (source, port) => {
    expect(sourceOf(source)).toMatchObject({ port });
  });

  it('of one file, or of an address, is taken as well', () => {
    expect(sourceOf('kind: sqlite, path: app.db')).toMatchObject({ path: '/etc/portcullis/app.db' });
    expect(sourceOf('kind: etcd, endpoint: "https://etcd:2379", certificate: c.pem, key: k.pem')).toMatchObject({
      certificate: '/etc/portcullis/c.pem',
      key: '/etc/portcullis/k.pem',
    });
  });

  it('says where its password stands', () => {
    expect(secretsIn(sourceOf('kind: redis, password: {env: PW}'))).toEqual({ password: { env: 'PW' } });
    expect(secretsIn(sourceOf('kind: sqlite, path: a'))).toEqual({});
  });

  it.each([
    ['a host that would be an option', 'kind: postgresql, user: a, host: -x'],
    ['no user', 'kind: postgresql'],
    ['a password that stands in it', 'kind: redis, password: secret'],
    ['credentials in an address', 'kind: etcd, endpoint: "http://root:pw@etcd:2379"'],
    ['a key of another kind', 'kind: sqlite, path: a, user: b'],
  ])('is refused with %s', (_, source) => {
    expect(read(source).ok).toBe(false);
  });
});
