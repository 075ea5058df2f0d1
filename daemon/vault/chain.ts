import { hasCode, PortcullisError, reasonOf } from '../base/errors.ts';
import { NO_RECORD, parseRecordName } from './format.ts';
import { type ChainRecord, parseRecord } from './record.ts';
import type { Store } from './store.ts';

/** What is wrong with the chain, or with an object in it. */
export interface Refusal {
  readonly object: string;
  readonly reason: string;
}

export interface Chain {
  /** Good records, oldest first. */
  readonly records: readonly ChainRecord[];
  /** What looked like a record and is none, and what is missing. Never restored from. */
  readonly refused: readonly Refusal[];
}

/** Reads and checks every record. Rejects only as the store does: what is wrong with records is in the result. */
export async function readChain(
  store: Pick<Store, 'get' | 'list'>,
  vaultId: Buffer,
  verifyKey: Uint8Array,
  expectHead?: string,
): Promise<Chain> {
  const refused: Refusal[] = [];
  const signed: ChainRecord[] = [];
  for (const name of await recordNames(store)) {
    try {
      signed.push(parseRecord(name, await store.get(name), vaultId, verifyKey));
    } catch (error) {
      if (error instanceof PortcullisError && !hasCode(error, 'store.missing')) throw error;
      refused.push({ object: name, reason: reasonOf(error) });
    }
  }
  const records: ChainRecord[] = [];
  const bySeq = new Map<number, ChainRecord[]>();
  for (const record of signed) bySeq.set(record.seq, [...(bySeq.get(record.seq) ?? []), record]);
  let previous = { seq: 0, hash: NO_RECORD };
  for (const [seq, all] of bySeq) {
    // After one that is lost nobody can tell what it would have been named.
    const gap = seq > previous.seq + 1;
    const follow = all.filter((record) => gap || record.previous === previous.hash);
    for (const record of all) {
      if (!follow.includes(record))
        refused.push({ object: record.name, reason: `does not follow record ${previous.seq}` });
    }
    // Of two, the one that was built on.
    const next = bySeq.get(seq + 1) ?? [];
    const chosen = follow.find(({ hash }) => next.some((record) => record.previous === hash)) ?? follow[0];
    if (chosen === undefined) continue;
    if (gap) refused.push({ object: 'snapshots/', reason: `has no good record ${range(previous.seq + 1, seq - 1)}` });
    for (const record of follow) {
      if (record !== chosen) refused.push({ object: record.name, reason: `is a second record ${seq}` });
    }
    records.push(chosen);
    previous = chosen;
  }
  if (expectHead !== undefined && expectHead !== NO_RECORD && !records.some((record) => record.hash === expectHead)) {
    refused.push({ object: 'snapshots/', reason: `does not hold the expected head ${expectHead}` });
  }
  return { records, refused };
}

function range(from: number, to: number): string {
  return from === to ? String(from) : `${from} to ${to}`;
}

/** Names under `snapshots/`, in order of sequence. */
async function recordNames(store: Pick<Store, 'list'>): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of store.list('snapshots')) names.push(name);
  return names.sort();
}

/**
 * The newest record, reading no other: what ship needs while every second connected counts. `heads` are the hashes it
 * may have; NO_RECORD, or an empty list, allows a vault without records. Rejects with `vault.forged` when something in `snapshots/`
 * is not this appliance's, `vault.head_mismatch` when the newest record is not one of `heads` or older ones are missing.
 */
export async function readHead(
  store: Store,
  vaultId: Buffer,
  verifyKey: Uint8Array,
  heads: readonly string[],
): Promise<ChainRecord | undefined> {
  // A file that is not even named like a record (a file manager's) is none, and `verify` names it.
  const names = (await recordNames(store)).filter((name) => parseRecordName(name) !== undefined);
  const newest = names.at(-1);
  if (newest === undefined) {
    if (heads.length === 0 || heads.includes(NO_RECORD)) return undefined;
    throw new PortcullisError(
      'vault.head_mismatch',
      'The vault holds no snapshot, but this appliance has committed some.',
    );
  }
  let head: ChainRecord;
  try {
    head = parseRecord(newest, await store.get(newest), vaultId, verifyKey);
  } catch (error) {
    if (error instanceof PortcullisError) throw error;
    throw new PortcullisError('vault.forged', `${newest} ${reasonOf(error)}.`, { cause: error });
  }
  if (!heads.includes(head.hash)) {
    throw new PortcullisError(
      'vault.head_mismatch',
      `The newest record of the vault, ${newest}, is not the expected one.`,
    );
  }
  for (const [index, name] of names.entries()) {
    if (parseRecordName(name)?.seq !== index + 1) {
      throw new PortcullisError(
        'vault.head_mismatch',
        `Of the records up to ${newest}, some are missing or double: ${name}.`,
      );
    }
  }
  return head;
}
