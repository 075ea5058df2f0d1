import { canonical } from '../base/canonical.ts';
import { parseTime } from '../base/clock.ts';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import { integer, list, type Of, oneOf, optional, text } from '../base/shape.ts';
import { sha256Hex } from './crypto.ts';
import { NO_RECORD, PACK_SETS_READ, parseRecordName, recordName, VERSION } from './format.ts';
import { exactly, hex, loose } from './loose.ts';
import { joinSigned, readSigned, signBody } from './signed.ts';

/** Records of the chain: docs/vault-format.md section 3.10. */

export type SnapshotStatus = 'complete' | 'partial' | 'suspicious';

/** Most snapshots that one tombstone names. */
export const MAX_BURIED = 1000;

const common = {
  format: exactly('portcullis-record'),
  version: exactly(VERSION),
  vaultId: hex(16),
  seq: integer(1, 9_999_999_999),
  previous: hex(32),
  kind: text(40),
  time: text(40),
};
const anyRecord = loose(common);
const snapshotRecord = loose({
  ...common,
  kind: exactly('snapshot'),
  source: hex(32),
  status: oneOf<SnapshotStatus>('complete', 'partial', 'suspicious'),
  session: hex(32),
  manifest: loose({ name: hex(32), size: integer() }),
  packsets: list(hex(32), PACK_SETS_READ),
  packs: integer(),
  bytes: integer(),
  retainUntil: optional(text(40)),
});

const tombstoneRecord = loose({
  ...common,
  kind: exactly('tombstone'),
  from: text(40),
  snapshots: list(hex(32), MAX_BURIED),
  kept: list(hex(32), MAX_BURIED),
});
const passRecord = loose({ ...common, kind: exactly('pass'), snapshot: hex(32) });

type SnapshotBody = Of<typeof snapshotRecord>;
type TombstoneBody = Of<typeof tombstoneRecord>;
type AnyBody = Of<typeof anyRecord>;

/** What a draft knows of its record; ship adds the place in the chain. */
export type DraftBody = Pick<
  SnapshotBody,
  'time' | 'source' | 'status' | 'session' | 'manifest' | 'packsets' | 'packs' | 'bytes'
> & {
  /** RFC 3339: every object it needs was locked until then, or longer. Known when it is shipped, and only of a store with locks. */
  readonly retainUntil?: string;
};

/** A record whose signature, name and vault have been checked; its place in the chain has not. */
export interface ChainRecord {
  readonly name: string;
  /** SHA-256 of the object: `previous` of the next, and the head when it is the newest. */
  readonly hash: string;
  readonly seq: number;
  readonly previous: string;
  readonly time: string;
  /** Of kind `snapshot`. */
  readonly snapshot?: DraftBody;
  /**
   * Of kind `tombstone`, all by the hashes of their records: the objects of `snapshots` may be gone from the time `from` on; those in `kept`
   * an earlier tombstone named, and they stay after all.
   */
  readonly tombstone?: Tombstone;
  /** Of kind `pass`: the hash of the snapshot's record that passed a drill. */
  readonly pass?: string;
}

export type Tombstone = Pick<TombstoneBody, 'from' | 'snapshots' | 'kept'>;

export function recordBody(draft: DraftBody, vaultId: Buffer, seq: number, previous: string): string {
  const { time, source, status, session, manifest, packsets, packs, bytes, retainUntil } = draft;
  return canonical({
    format: 'portcullis-record',
    version: VERSION,
    vaultId: vaultId.toString('hex'),
    kind: 'snapshot',
    seq,
    previous,
    time,
    source,
    status,
    session,
    manifest: { name: manifest.name, size: manifest.size },
    packsets,
    packs,
    bytes,
    ...(retainUntil === undefined ? {} : { retainUntil }),
  });
}

export function tombstoneBody(
  { from, snapshots, kept }: Tombstone,
  vaultId: Buffer,
  time: string,
  seq: number,
  previous: string,
): string {
  return canonical({
    format: 'portcullis-record',
    version: VERSION,
    vaultId: vaultId.toString('hex'),
    kind: 'tombstone',
    seq,
    previous,
    time,
    from,
    snapshots,
    kept,
  });
}

/** The object a signed body becomes. */
export function recordObject(body: string, seq: number, signature: string): { name: string; bytes: Buffer } {
  const bytes = joinSigned(body, signature);
  return { name: recordName(seq, sha256Hex(bytes)), bytes };
}

/**
 * Signs the body of a record, for the keeper. `heads` are the hashes the record may follow (NO_RECORD for the first).
 * Returns the signature (hex) and the hash the record will have: keep that durably as a possible head **before** giving the
 * signature away. Throws `vault.forged` when the body is no snapshot or tombstone record of this vault,
 * `vault.head_mismatch` when it does not follow one of `heads`. A tombstone is signed only where the caller says from when on it may
 * count at the earliest (`graceEnds`, milliseconds since the epoch); one that counts sooner is refused with `vault.forged`.
 */
export function signRecord(
  body: string,
  signing: Secret,
  expect: { readonly vaultId: Buffer; readonly heads: readonly string[]; readonly graceEnds?: number },
): { readonly signature: string; readonly hash: string; readonly seq: number } {
  let parsed: Pick<AnyBody, 'seq' | 'previous'>;
  try {
    parsed = readOwn(body, expect);
  } catch (error) {
    throw new PortcullisError('vault.forged', `Asked to sign what is no record: ${reasonOf(error)}.`, { cause: error });
  }
  if (!expect.heads.includes(parsed.previous)) {
    throw new PortcullisError('vault.head_mismatch', `Asked to sign a record that follows unknown ${parsed.previous}.`);
  }
  if ((parsed.seq === 1) !== (parsed.previous === NO_RECORD)) {
    throw new PortcullisError('vault.forged', `Asked to sign record ${parsed.seq} after ${parsed.previous}.`);
  }
  const signature = signBody(signing.reveal(), 'record', body);
  return { signature, hash: sha256Hex(joinSigned(body, signature)), seq: parsed.seq };
}

/** What is signed is what is read here: no member more, none twice, in the one form there is. Throws otherwise. */
function readOwn(body: string, { vaultId, graceEnds }: { vaultId: Buffer; graceEnds?: number }): AnyBody {
  const value: unknown = JSON.parse(body);
  const parsed = anyRecord(value, 'record');
  if (parsed.vaultId !== vaultId.toString('hex')) throw new Error('it is of another vault');
  let again: string;
  if (parsed.kind === 'tombstone') {
    const tombstone = tombstoneRecord(value, 'record');
    if (graceEnds === undefined) throw new Error('nothing is to expire now');
    if (!((parseTime(tombstone.from) ?? Number.NaN) >= graceEnds))
      throw new Error(`it would count from ${tombstone.from} on`);
    again = tombstoneBody(tombstone, vaultId, parsed.time, parsed.seq, parsed.previous);
  } else again = recordBody(snapshotRecord(value, 'record'), vaultId, parsed.seq, parsed.previous);
  if (again !== body) throw new Error('it is not canonical');
  return parsed;
}

/** Throws, saying in what it is none, unless the object is a record of this vault signed by this appliance. */
export function parseRecord(name: string, bytes: Buffer, vaultId: Buffer, verifyKey: Uint8Array): ChainRecord {
  const place = parseRecordName(name);
  if (place === undefined) throw new Error('is not named like a record');
  if (sha256Hex(bytes) !== place.hash) throw new Error('is not what its name says');
  const value = readSigned(verifyKey, 'record', bytes);
  const body: AnyBody = anyRecord(value, 'record');
  if (body.vaultId !== vaultId.toString('hex')) throw new Error('is a record of another vault');
  if (body.seq !== place.seq) throw new Error(`says it is record ${body.seq}`);
  const record = { name, hash: place.hash, seq: body.seq, previous: body.previous, time: body.time };
  switch (body.kind) {
    case 'snapshot':
      return { ...record, snapshot: snapshotRecord(value, 'record') };
    case 'tombstone':
      return { ...record, tombstone: tombstoneRecord(value, 'record') };
    case 'pass':
      return { ...record, pass: passRecord(value, 'record').snapshot };
    default:
      return record;
  }
}
