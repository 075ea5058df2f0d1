import { expectVault } from './format-object.ts';
import { forget } from './known-packs.ts';
import { rememberLost } from './lost-packs.ts';
import type { Store } from './store.ts';
import type { Verified } from './verify.ts';

/**
 * Makes what `verify` found count for the next seal: the packs that are lost are built on no more, and a pack set that is damaged in the
 * vault is named no more. Durable when the promise resolves. Rejects with `vault.other` or as the store does, having noted nothing, when
 * the vault `vaultId` is not there any more: what was missing may only have been taken away with it.
 */
export async function tellSeal(store: Store, state: string, vaultId: Buffer, { unusable }: Verified): Promise<void> {
  await expectVault(store, vaultId);
  await rememberLost(state, unusable.packs);
  for (const name of unusable.packSets) await forget(state, name);
}
