import { createHash } from 'node:crypto';

/** The newest commit records this appliance knows of: the chain goes on from one of them or it has been tampered with. */
export interface Chain {
  /** Last record known to be in the vault. */
  readonly committed: { readonly seq: number; readonly head: string } | undefined;
  /** Signed after that, not known to have arrived: a ship died in between. */
  readonly signed: readonly { readonly seq: number; readonly head: string }[];
}

/** Hashes (SHA-256, hex) the newest record in the vault may have. Empty before the first. */
export function acceptableHeads(chain: Chain): string[] {
  return [...chain.signed.map(({ head }) => head), ...(chain.committed === undefined ? [] : [chain.committed.head])];
}

/** Why this body must not be signed, or undefined when it may. `body` is the parsed canonical body of a commit record. */
export function refusal(
  chain: Chain,
  vaultId: string,
  body: { vault?: unknown; seq?: unknown; previous?: unknown },
): string | undefined {
  if (body.vault !== vaultId) return `it is for vault ${String(body.vault)}, not ${vaultId}`;
  const known = [...chain.signed, ...(chain.committed === undefined ? [] : [chain.committed])];
  if (known.length === 0) return body.seq === 1 ? undefined : `it has number ${String(body.seq)}, yet none came before`;
  const follows = known.find(({ head }) => head === body.previous);
  if (follows === undefined) return 'it does not follow a record this appliance signed';
  return body.seq === follows.seq + 1 ? undefined : `number ${String(body.seq)} cannot follow ${follows.seq}`;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
