import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '../base/durable.ts';
import { errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import { integer, list, type Of, object, oneOf, text } from '../base/shape.ts';
import type { Config } from './schema.ts';

/** Where everything lies that `init` makes and the processes keep. */
export function statePaths(config: Config) {
  const { state } = config.appliance;
  return {
    identity: join(state, 'appliance.json'),
    gateJson: join(state, 'gate.json'),
    gateState: join(state, 'gate'),
    /** Held by intake alone, where no unit gives it a directory. */
    intake: join(state, 'intake'),
    /** Held by seal alone. */
    sealingSecret: join(state, 'keys', 'sealing.secret'),
    /** Held by the keeper alone. */
    signingSeed: join(state, 'keys', 'signing.seed'),
    /** Only where there is one: whoever has it and the vault can read everything. */
    drillKey: join(state, 'keys', 'drill.key'),
    /** Working copies of sources: plaintext. */
    work: config.appliance.work ?? join(state, 'work'),
    index: join(state, 'index'),
    /** What is still to be told, and what was told last. Held by the keeper. */
    outbox: join(state, 'notify', 'outbox.json'),
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
  /** Everything in the vault is encrypted to every one of them. */
  recipients: list(
    object({
      /** X25519 public key, base64 of 32 bytes. */
      key: text(44),
      /** For people: whose it is, or where its sheet lies. */
      name: text(64),
      /** The private half of a drill key lies on this box. */
      kind: oneOf('recovery', 'drill'),
      /** RFC 3339. */
      since: text(40),
    }),
    16,
  ),
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

/** One of the appliance's own secrets (`statePaths`). Rejects with `state.uninitialised`. */
export async function readOwnSecret(path: string): Promise<Secret> {
  try {
    return new Secret(await readFile(path));
  } catch (error) {
    throw new PortcullisError(
      'state.uninitialised',
      `The appliance's secret ${path} cannot be read: ${reasonOf(error)}.`,
    );
  }
}

export async function writeIdentity(path: string, identity: Identity): Promise<void> {
  await writeDurably(path, `${JSON.stringify(identity, null, 2)}\n`, 0o644);
}

type Recipient = Identity['recipients'][number];

/** Raw public keys. */
export function recipientKeys({ recipients }: Pick<Identity, 'recipients'>): Buffer[] {
  return recipients.map(({ key }) => Buffer.from(key, 'base64'));
}

/** How people tell public keys apart: their first 16 hex digits. */
export function fingerprint({ key }: Pick<Recipient, 'key'>): string {
  return Buffer.from(key, 'base64').toString('hex', 0, 8);
}
