import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../daemon/base/secret.ts';
import { Crc64, ECMA, JONES } from '../../daemon/sources/crc64.ts';
import { mongoArchiveCheck } from '../../daemon/sources/mongo-archive.ts';
import { fakeTool } from './fake-tools.ts';
import { pullAll, source, temporary } from './helpers.ts';

const END = Buffer.from([0xff, 0xff, 0xff, 0xff]);

function bson(fields: Record<string, string | boolean | bigint | number>): Buffer {
  const parts = Object.entries(fields).map(([name, value]) => {
    const key = Buffer.from(`${name}\0`);
    switch (typeof value) {
      case 'string': {
        const text = Buffer.from(`${value}\0`);
        const length = Buffer.alloc(4);
        length.writeInt32LE(text.length);
        return Buffer.concat([Buffer.from([2]), key, length, text]);
      }
      case 'boolean':
        return Buffer.concat([Buffer.from([8]), key, Buffer.from([value ? 1 : 0])]);
      case 'bigint': {
        const long = Buffer.alloc(8);
        long.writeBigInt64LE(value);
        return Buffer.concat([Buffer.from([18]), key, long]);
      }
      default: {
        const int = Buffer.alloc(4);
        int.writeInt32LE(value);
        return Buffer.concat([Buffer.from([16]), key, int]);
      }
    }
  });
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(4);
  length.writeInt32LE(body.length + 5);
  return Buffer.concat([length, body, Buffer.alloc(1)]);
}

/** As mongodump writes one: two collections, interleaved, and a view. */
function archive(): Buffer {
  const documents = [1, 2, 3].map((n) => bson({ _id: n, text: 'x'.repeat(n * 100) }));
  const sum = (all: readonly Buffer[]) => {
    const crc = new Crc64(ECMA, true);
    for (const one of all) crc.add(one);
    return BigInt.asIntN(64, crc.value);
  };
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(0x8199e26d);
  const [a = END, b = END, c = END] = documents;
  const head = (collection: string, end?: readonly Buffer[]) =>
    bson({ db: 'app', collection, EOF: end !== undefined, CRC: end === undefined ? 0n : sum(end) });
  return Buffer.concat([
    magic,
    bson({ concurrent_collections: 4, version: '0.1', server_version: '7.0.14', tool_version: '100.10.0' }),
    bson({ db: 'app', collection: 'a', metadata: '{}', size: 0, type: 'collection' }),
    bson({ db: 'app', collection: 'b', metadata: '{}', size: 0, type: '' }),
    bson({ db: 'app', collection: 'v', metadata: '{}', size: 0, type: 'view' }),
    END,
    ...[head('a'), a, END, head('b'), b, END, head('a'), c, END],
    ...[head('b', [b]), END, head('a', [a, c]), END],
  ]);
}

function judge(bytes: Buffer, step = bytes.length): string {
  const facts = { namespaces: 0 };
  const check = mongoArchiveCheck(facts);
  try {
    for (let at = 0; at < bytes.length; at += step) void check.take(bytes.subarray(at, at + step));
    void check.end();
    return JSON.stringify(facts);
  } catch (error) {
    return String(error);
  }
}

describe('an archive of mongodump', () => {
  const whole = archive();

  it('is known to be whole, however it comes in pieces', () => {
    for (const step of [1, 3, 7, 64, whole.length])
      expect(judge(whole, step)).toBe('{"namespaces":2,"server":"7.0.14","tool":"100.10.0"}');
  });

  it('is refused when it is cut anywhere', () => {
    for (let length = 0; length < whole.length; length++)
      expect(judge(whole.subarray(0, length)), String(length)).toMatch(/Error/);
  });

  it('is refused when a document was changed', () => {
    const at = whole.indexOf('xxxxx');
    const changed = Buffer.from(whole);
    changed[at] = 0x79;
    expect(judge(changed)).toMatch(/checksum of app\.[ab] in the archive is wrong/);
  });

  it.each([
    ['something else', Buffer.from('hello world')],
    ['a length that cannot be', Buffer.concat([whole.subarray(0, 4), Buffer.from([1, 0, 0, 0])])],
    ['two ends one after the other', Buffer.concat([whole, END, END])],
  ])('is refused when it is %s', (_, bytes) => {
    expect(judge(bytes)).toMatch(/Error/);
  });

  it('comes from mongodump with its password in neither arguments nor environment', async () => {
    const folder = await temporary();
    await writeFile(join(folder, 'archive'), whole);
    fakeTool(
      folder,
      'mongodump',
      `[ "$1" = --version ] && { echo 'mongodump version: 100.10.0'; exit; }
      tr '\\0' ' ' < /proc/$$/cmdline > ${folder}/seen; tr '\\0' ' ' < /proc/$$/environ >> ${folder}/seen
      cat /dev/fd/3 > ${folder}/config; cat ${folder}/archive`,
    );
    const all = await pullAll(
      source({
        kind: 'mongodb',
        name: 'sample',
        host: 'db',
        port: 27_017,
        user: 'backup',
        password: Secret.fromText('canary "7f3a'),
        authDatabase: 'admin',
        replicaSet: 'rs0',
        databases: [],
        tools: folder,
        timeout: '1h',
      }),
      await temporary(),
    );
    expect(all.map(({ path }) => path)).toEqual(['all.archive']);
    expect(all[0]?.bytes?.equals(whole)).toBe(true);
    const seen = await readFile(join(folder, 'seen'), 'utf8');
    expect(seen).toContain('--host=rs0/db:27017');
    expect(seen).toContain('--oplog');
    expect(seen).not.toContain('7f3a');
    expect(await readFile(join(folder, 'config'), 'utf8')).toBe('password: "canary \\"7f3a"\n');
  });
});

describe('checksums', () => {
  it.each([
    [ECMA, true, 0x995dc9bbdf1939fan],
    [JONES, false, 0xe9c6d914c4b8d9can],
  ])('%#: of 123456789 are as published', (polynomial, inverted, value) => {
    const crc = new Crc64(polynomial, inverted);
    crc.add(Buffer.from('123456789'));
    expect(crc.value).toBe(value);
  });
});
