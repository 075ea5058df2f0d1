import { PortcullisError } from '../base/errors.ts';
import { type ApplianceSecrets, verifyKeyFor } from './appliance-secrets.ts';
import { readAppliance, sessionRecipients } from './key-objects.ts';
import type { RecoveryKey } from './recovery-key.ts';
import type { Store } from './store.ts';
import { openVault, type Vault } from './vault.ts';
import { unlessDamaged } from './vault-error.ts';

/** What a new appliance needs to go on where a dead one stopped. */
export interface Recovered {
  readonly vault: Vault;
  readonly secrets: ApplianceSecrets;
  /** Raw X25519 public keys, as they were set last. */
  readonly recipients: readonly Buffer[];
  /** The newest record. Undefined in a vault without one. */
  readonly head: { readonly seq: number; readonly hash: string } | undefined;
}

/**
 * Takes an appliance's secrets out of its vault. Rejects with `vault.head_mismatch` when the record `expectHead` is not there, `vault.recipient`,
 * `vault.damaged` or `vault.forged` when no good object holds the secrets, or as `openVault`. What is wrong with the chain otherwise is in
 * `vault.refused`.
 */
export async function recover(store: Store, key: RecoveryKey, expectHead?: string): Promise<Recovered> {
  const vault = await openVault(store, key, expectHead);
  const { records } = vault.chain;
  if (expectHead !== undefined && !records.some(({ hash }) => hash === expectHead))
    throw new PortcullisError('vault.head_mismatch', `The vault does not hold the expected head ${expectHead}.`);
  const { secrets, created, recipients } = await readAppliance(store, key);
  if (!verifyKeyFor(secrets.signing).equals(key.verifyKey))
    throw new PortcullisError('vault.damaged', 'The signing seed in the vault is not that of the recovery key.');
  const newest = records.at(-1);
  // An older set is what one finds when somebody has taken the newest object away, a removed key in it. What the last snapshot was sealed to
  // stands under a signed hash.
  const last = records.findLast(({ snapshot }) => snapshot !== undefined);
  const sealedTo =
    last?.snapshot === undefined || created > last.time
      ? recipients
      : ((await unlessDamaged(sessionRecipients(store, last.snapshot.session))) ?? recipients);
  return { vault, secrets, recipients: sealedTo, head: newest && { seq: newest.seq, hash: newest.hash } };
}
