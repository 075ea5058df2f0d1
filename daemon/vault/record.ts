import { canonical } from '../base/canonical.ts';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import { integer, list, type Of, oneOf, text } from '../base/shape.ts';
import { sha256Hex } from './crypto.ts';
import { MAX_PACK_SETS, NO_RECORD, parseRecordName, recordName, VERSION } from './format.ts';
import { exactly, hex, loose } from './loose.ts';
import { joinSigned, readSigned, signBody } from './signed.ts';

/** Records of the chain: docs/vault-format.md section 3.10. */

export type SnapshotStatus = 'complete' | 'partial' | 'suspicious';

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
  packsets: list(hex(32), 10 * MAX_PACK_SETS),
  packs: integer(),
  bytes: integer(),
});

type SnapshotBody = Of<typeof snapshotRecord>;
type AnyBody = Of<typeof anyRecord>;

/** What a draft knows of its record; ship adds the place in the chain. */
export type DraftBody = Pick<
  SnapshotBody,
  'time' | 'source' | 'status' | 'session' | 'manifest' | 'packsets' | 'packs' | 'bytes'
>;

/** A record whose signature, name and vault have been checked; its place in the chain has not. */
export interface ChainRecord {
  readonly name: string;
  /** SHA-256 of the object: `previous` of the next, and the head when it is the newest. */
  readonly hash: string;
  readonly seq: number;
  readonly previous: string;
  readonly time: string;
  /** Absent in records of another kind. */
  readonly snapshot?: DraftBody;
}

export function recordBody(draft: DraftBody, vaultId: Buffer, seq: number, previous: string): string {
  const { time, source, status, session, manifest, packsets, packs, bytes } = draft;
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
 * signature away. Throws `vault.forged` when the body is not a snapshot record of this vault,
 * `vault.head_mismatch` when it does not follow one of `heads`.
 */
export function signRecord(
  body: string,
  signing: Secret,
  expect: { readonly vaultId: Buffer; readonly heads: readonly string[] },
): { readonly signature: string; readonly hash: string; readonly seq: number } {
  let parsed: SnapshotBody;
  try {
    parsed = snapshotRecord(JSON.parse(body), 'record');
    if (parsed.vaultId !== expect.vaultId.toString('hex')) throw new Error('it is of another vault');
    // What is signed is what was read here: no member more, none twice, in the one form there is.
    if (recordBody(parsed, expect.vaultId, parsed.seq, parsed.previous) !== body)
      throw new Error('it is not canonical');
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
  if (body.kind !== 'snapshot') return record;
  return { ...record, snapshot: snapshotRecord(value, 'record') };
}
