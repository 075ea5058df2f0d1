import { isoTime } from '../base/clock.ts';
import type { ApplianceSecrets } from './appliance-secrets.ts';
import { encodeApplianceObject } from './key-objects.ts';
import { stagePart } from './staging.ts';

/**
 * Wraps the appliance's secrets to another set of recipients (raw X25519 public keys), for the next shipping to bring: with one of their keys a
 * dead appliance comes back. Rejects with `vault.staging`, or `vault.recipient` when there is none.
 */
export async function stageRecipients(options: {
  readonly staging: string;
  readonly vaultId: Buffer;
  readonly secrets: ApplianceSecrets;
  readonly recipients: readonly Uint8Array[];
  readonly wall: number;
}): Promise<void> {
  const { staging, vaultId, secrets, recipients, wall } = options;
  const { name, bytes } = await encodeApplianceObject(secrets, vaultId, recipients, isoTime(wall));
  const source = { name: 'recovery keys', kind: 'keys' };
  await stagePart(staging, { vaultId: vaultId.toString('hex'), source }, name, bytes);
}
