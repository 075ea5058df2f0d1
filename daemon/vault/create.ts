import { isoTime } from '../base/clock.ts';
import { hasCode, PortcullisError } from '../base/errors.ts';
import type { ApplianceSecrets } from './appliance-secrets.ts';
import { FORMAT_NAME } from './format.ts';
import { encodeFormat, readFormat } from './format-object.ts';
import { encodeApplianceObject } from './key-objects.ts';
import type { Store } from './store.ts';

/**
 * Makes a vault in an empty store: `FORMAT`, then the appliance's secrets wrapped to `recipients` (raw X25519 public keys).
 * Rejects with `vault.exists`, having changed nothing, when there is a vault; `vault.recipient`; or as the store does.
 */
export async function createVault(
  store: Store,
  options: {
    readonly vaultId: Buffer;
    readonly secrets: ApplianceSecrets;
    readonly recipients: readonly Uint8Array[];
    readonly wall: number;
  },
): Promise<void> {
  const { vaultId, secrets, recipients } = options;
  const created = isoTime(options.wall);
  let appliance = await encodeApplianceObject(secrets, vaultId, recipients, created);
  try {
    await store.put(FORMAT_NAME, encodeFormat(vaultId, created));
  } catch (error) {
    if (!hasCode(error, 'store.exists')) throw error;
    const found = await readFormat(store);
    if (!found.vaultId.equals(vaultId))
      throw new PortcullisError('vault.exists', 'There is a vault in this store already.', { cause: error });
    // An attempt of ours that was cut short: what is signed is what that one wrote.
    appliance = await encodeApplianceObject(secrets, vaultId, recipients, found.created);
  }
  await store.put(appliance.name, appliance.bytes);
}
