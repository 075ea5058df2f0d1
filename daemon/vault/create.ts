import { hasCode, PortcullisError } from '../base/errors.ts';
import type { ApplianceSecrets } from './appliance-secrets.ts';
import { FORMAT_NAME } from './format.ts';
import { encodeFormat, readVaultId } from './format-object.ts';
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
  const appliance = await encodeApplianceObject(options.secrets, options.vaultId, options.recipients, options.wall);
  try {
    await store.put(FORMAT_NAME, encodeFormat(options.vaultId, options.wall));
  } catch (error) {
    if (!hasCode(error, 'store.exists')) throw error;
    // The same vault id: an attempt of ours that was cut short.
    if (!(await readVaultId(store)).equals(options.vaultId))
      throw new PortcullisError('vault.exists', 'There is a vault in this store already.', { cause: error });
  }
  await store.put(appliance.name, appliance.bytes);
}
