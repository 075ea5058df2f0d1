import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '../base/durable.ts';
import { errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';
import { integer, list, type Of, object, text } from '../base/shape.ts';
import type { Config } from './schema.ts';

/** Where everything lies that `init` makes and the processes keep. */
export function statePaths(config: Config) {
  const { state } = config.appliance;
  return {
    identity: join(state, 'appliance.json'),
    gateJson: join(state, 'gate.json'),
    gateState: join(state, 'gate'),
    /** Held by seal alone. */
    sealingSecret: join(state, 'keys', 'sealing.secret'),
    /** Held by the keeper alone. */
    signingSeed: join(state, 'keys', 'signing.seed'),
    /** Working copies of sources: plaintext. */
    work: join(state, 'work'),
    index: join(state, 'index'),
    staging: config.vault.staging ?? join(state, 'staging'),
    ledger: config.ledger.path ?? join(state, 'ledger.db'),
  };
}

const identityFile = object({
  version: integer(1, 1),
  /** Identity the latch carries. */
  id: text(64),
  /** 16 bytes, hex. */
  vaultId: text(32),
  /** Ed25519 public key of the appliance, base64 of 32 bytes. */
  verifyKey: text(44),
  /** X25519 public recovery keys, base64 of 32 bytes each. Everything in the vault is encrypted to every one of them. */
  recipients: list(text(44), 16),
});
/** Who this appliance is. Nothing in it is secret. */
export type Identity = Of<typeof identityFile>;

/** Reads what `init` wrote. Rejects with `state.uninitialised`. */
export async function readIdentity(path: string): Promise<Identity> {
  try {
    return identityFile(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    const why = errnoOf(error) === 'ENOENT' ? 'there is no such file' : reasonOf(error);
    throw new PortcullisError('state.uninitialised', `This appliance has no identity in ${path}: ${why}.`);
  }
}

export async function writeIdentity(path: string, identity: Identity): Promise<void> {
  await writeDurably(path, `${JSON.stringify(identity, null, 2)}\n`, 0o644);
}
