import { Crc64, ECMA } from './crc64.ts';
import type { DumpCheck } from './dump-checks.ts';

const MAGIC = 0x8199e26d;
const TERMINATOR = 0xffffffff;
/** Bytes of a document: 16 MiB, and what the server adds for itself. */
const MAX_DOCUMENT = (16 << 20) + (16 << 10);

interface Namespace {
  readonly crc: Crc64;
  ended: boolean;
}

/** What the archive said of itself. */
export interface MongoArchiveFacts {
  server?: string | undefined;
  tool?: string | undefined;
  namespaces: number;
}

/**
 * An archive of `mongodump`: a magic number, then blocks of BSON documents, each ended by four bytes of ones. The first block names the collections; each
 * other begins with the name of the one whose documents follow, and the last block of a collection says so and carries a CRC-64 of them all.
 * Whole is an archive that ends after a block, in which every collection that was named or begun has ended, each with its checksum.
 * Source: mongo-tools, `common/archive` (multiplexer.go, parser.go, prelude.go). `facts` is filled in on the way.
 */
export function mongoArchiveCheck(facts: MongoArchiveFacts = { namespaces: 0 }): DumpCheck {
  let rest = Buffer.alloc(0);
  let state: 'magic' | 'prelude header' | 'prelude' | 'header' | 'body' = 'magic';
  let current: Namespace | undefined;
  const namespaces = new Map<string, Namespace>();

  const namespaceOf = (name: string): Namespace => {
    const known = namespaces.get(name);
    if (known !== undefined) return known;
    const made = { crc: new Crc64(ECMA, true), ended: false };
    namespaces.set(name, made);
    return made;
  };

  function document(bytes: Buffer): void {
    switch (state) {
      case 'prelude header': {
        const fields = stringsAndFlags(bytes);
        facts.server = text(fields.get('server_version'));
        facts.tool = text(fields.get('tool_version'));
        state = 'prelude';
        return;
      }
      case 'prelude': {
        const fields = stringsAndFlags(bytes);
        const type = fields.get('type') ?? '';
        // Views have no documents, and those of a time series are elsewhere.
        if (type === '' || type === 'collection') namespaceOf(nameIn(fields));
        return;
      }
      case 'header': {
        const fields = stringsAndFlags(bytes);
        const name = nameIn(fields);
        current = namespaceOf(name);
        if (current.ended) throw new Error(`the archive goes on with ${name} after its end`);
        if (fields.get('EOF') === true) {
          if (fields.get('CRC') !== BigInt.asIntN(64, current.crc.value))
            throw new Error(`the checksum of ${name} in the archive is wrong`);
          current.ended = true;
        }
        state = 'body';
        return;
      }
      case 'body':
        current?.crc.add(bytes);
        return;
      case 'magic':
        return;
    }
  }

  function terminator(): void {
    if (state !== 'prelude' && state !== 'body') throw new Error('the archive has a block without a beginning');
    state = 'header';
  }

  return {
    take(chunk) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let at = 0;
      while (bytes.length - at >= 4) {
        const word = bytes.readUInt32LE(at);
        if (state === 'magic') {
          if (word !== MAGIC) throw new Error('what came is no archive of mongodump');
          state = 'prelude header';
          at += 4;
        } else if (word === TERMINATOR) {
          terminator();
          at += 4;
        } else {
          if (word < 5 || word > MAX_DOCUMENT) throw new Error('the archive is damaged: a document has no length');
          if (bytes.length - at < word) break;
          document(bytes.subarray(at, at + word));
          at += word;
        }
      }
      rest = Buffer.from(bytes.subarray(at));
    },
    end() {
      const open = [...namespaces].filter(([, { ended }]) => !ended).map(([name]) => name);
      if (state !== 'header' || rest.length > 0 || open.length > 0)
        throw new Error(
          `the archive has no end${open.length > 0 ? ` of ${open.slice(0, 3).join(', ')}` : ''}: it was cut short, although mongodump said that it was done`,
        );
      facts.namespaces = namespaces.size;
    },
  };
}

function nameIn(fields: ReadonlyMap<string, string | boolean | bigint>): string {
  return `${text(fields.get('db')) ?? ''}.${text(fields.get('collection')) ?? ''}`;
}

function text(value: string | boolean | bigint | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Strings, flags and integers at the top of a BSON document (bsonspec.org, version 1.1). Throws at what it cannot step over. */
function stringsAndFlags(bytes: Buffer): Map<string, string | boolean | bigint> {
  const found = new Map<string, string | boolean | bigint>();
  let at = 4;
  while (at < bytes.length - 1) {
    const type = bytes[at++];
    const end = bytes.indexOf(0, at);
    if (end === -1) throw new Error('the archive is damaged: a name in a document has no end');
    const name = bytes.toString('utf8', at, end);
    at = end + 1;
    switch (type) {
      case 0x02: {
        const length = bytes.readInt32LE(at);
        found.set(name, bytes.toString('utf8', at + 4, at + 3 + length));
        at += 4 + length;
        break;
      }
      case 0x08:
        found.set(name, bytes[at] === 1);
        at += 1;
        break;
      case 0x10:
        found.set(name, BigInt(bytes.readInt32LE(at)));
        at += 4;
        break;
      case 0x12:
        found.set(name, bytes.readBigInt64LE(at));
        at += 8;
        break;
      case 0x01:
        at += 8;
        break;
      case 0x0a:
        break;
      default:
        throw new Error(`the archive is damaged: a header has a value of type ${type}`);
    }
  }
  return found;
}
