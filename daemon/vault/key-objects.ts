import { canonical, type Json } from '../base/canonical.ts';
import { hasCode, PortcullisError, reasonOf } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import { list, type Of, text } from '../base/shape.ts';
import { type ApplianceSecrets, verifyKeyFor } from './appliance-secrets.ts';
import { derive, sha256Hex } from './crypto.ts';
import { unwrap } from './hpke.ts';
import { exactly, hex, loose } from './loose.ts';
import { epochOf, type Wrapped, wrapForAll } from './recipients.ts';
import type { RecoveryKey } from './recovery-key.ts';
import { readSigned, writeSigned } from './signed.ts';
import type { Store } from './store.ts';
import { isStoreFailure } from './vault-error.ts';

/** The objects under `keys/`: docs/vault-format.md sections 4.4 and 4.5. */

const recipients = list(loose({ publicKey: hex(32), wrapped: text(1000) }));
const applianceShape = loose({
  format: exactly('portcullis-appliance'),
  version: exactly(1),
  vaultId: hex(16),
  created: text(40),
  verifyKey: hex(32),
  recipients,
});
const sessionShape = loose({
  format: exactly('portcullis-session'),
  version: exactly(1),
  vaultId: hex(16),
  epoch: hex(32),
  commitment: hex(32),
  recipients,
});

export interface Session {
  readonly key: Secret;
  readonly sealing: Secret;
}

/** A session key that somebody can unwrap, and what tells that it is the right one. */
export interface WrappedSession {
  readonly commitment: string;
  readonly recipients: readonly Wrapped[];
}

const asJson = (wrapped: readonly Wrapped[]): Json => wrapped.map((one) => ({ ...one }));

/** `created` is RFC 3339, UTC, milliseconds: for the first such object that of `FORMAT`, which its signature covers so. */
export async function encodeApplianceObject(
  secrets: ApplianceSecrets,
  vaultId: Buffer,
  to: readonly Uint8Array[],
  created: string,
): Promise<{ name: string; bytes: Buffer }> {
  const plain = Buffer.concat([secrets.sealing.reveal(), secrets.signing.reveal()]);
  const bytes = writeSigned(secrets.signing.reveal(), 'appliance', {
    format: 'portcullis-appliance',
    version: 1,
    vaultId: vaultId.toString('hex'),
    created,
    verifyKey: verifyKeyFor(secrets.signing).toString('hex'),
    epoch: epochOf(to),
    recipients: asJson(await wrapForAll(to, vaultId, 'appliance', plain)),
  });
  return { name: `keys/appliance-${sha256Hex(bytes)}`, bytes };
}

/**
 * The appliance's secrets, from the newest appliance object in `store` that is signed under the key's verification key and
 * wrapped to it; with the recipients of the newest of all. Rejects with `vault.recipient` when none is wrapped to it, `vault.damaged` or
 * `vault.forged` when one is but no good.
 */
export async function readAppliance(
  store: Store,
  key: RecoveryKey,
): Promise<{ readonly secrets: ApplianceSecrets; readonly created: string; readonly recipients: readonly Buffer[] }> {
  let problem: PortcullisError | undefined;
  const good: Of<typeof applianceShape>[] = [];
  for await (const { name } of store.list('keys')) {
    if (!name.startsWith('keys/appliance-')) continue;
    const bytes = await store.get(name);
    try {
      good.push(applianceShape(readSigned(key.verifyKey, 'appliance', bytes)));
    } catch (error) {
      problem ??= new PortcullisError('vault.forged', `${name} ${reasonOf(error)}.`);
    }
  }
  good.sort((a, b) => (a.created < b.created ? 1 : -1));
  for (const { vaultId, recipients } of good) {
    const plain = await unwrapFor(key, recipients, 'appliance', "The object of the appliance's keys").catch(
      (error: unknown) => {
        if (!(error instanceof PortcullisError)) throw error;
        if (problem === undefined || hasCode(problem, 'vault.forged')) problem = error;
      },
    );
    if (plain === undefined || vaultId !== key.vaultId.toString('hex') || plain.length !== 64) continue;
    return {
      secrets: { sealing: new Secret(plain.subarray(0, 32)), signing: new Secret(plain.subarray(32)) },
      created: good[0]?.created ?? '',
      recipients: publicKeys(good[0]?.recipients ?? []),
    };
  }
  throw problem ?? new PortcullisError('vault.damaged', "The vault holds no object of the appliance's keys.");
}

/** Raw public keys that session `id` was wrapped to when it was written. Rejects with `vault.damaged`, or as the store does. */
export async function sessionRecipients(store: Store, id: string): Promise<Buffer[]> {
  return publicKeys(parseSession(id, await store.get(`keys/session-${id}`)).recipients);
}

function publicKeys(from: readonly Wrapped[]): Buffer[] {
  return from.map(({ publicKey }) => Buffer.from(publicKey, 'hex'));
}

/** What the objects of the appliance's keys say that are signed under `verifyKey`. Rejects only when the store fails. */
export async function signedAppliances(
  store: Store,
  verifyKey: Uint8Array,
): Promise<{ readonly vaultId: Buffer; readonly created: string }[]> {
  const signed: { vaultId: Buffer; created: string }[] = [];
  for await (const { name } of store.list('keys')) {
    if (!name.startsWith('keys/appliance-')) continue;
    try {
      const { vaultId, created } = applianceShape(readSigned(verifyKey, 'appliance', await store.get(name)));
      signed.push({ vaultId: Buffer.from(vaultId, 'hex'), created });
    } catch (error) {
      if (error instanceof PortcullisError && isStoreFailure(error)) throw error;
    }
  }
  return signed;
}

/**
 * A session key object and its id. The sealing secret goes with the session key: a vault whose every other object of `keys/` is lost
 * still gives back what this session wrote.
 */
export async function encodeSessionObject(
  sessionKey: Uint8Array,
  sealing: Secret,
  vaultId: Buffer,
  to: readonly Uint8Array[],
): Promise<{ id: string; bytes: Buffer }> {
  const session = { key: new Secret(sessionKey), sealing };
  const { commitment, recipients: wrapped } = await wrapSession(session, vaultId, to);
  const content = {
    format: 'portcullis-session',
    version: 1,
    vaultId: vaultId.toString('hex'),
    epoch: epochOf(to),
    commitment,
    recipients: asJson(wrapped),
  };
  const bytes = Buffer.from(`${canonical(content)}\n`);
  return { id: sha256Hex(bytes), bytes };
}

export async function wrapSession(
  { key, sealing }: Session,
  vaultId: Buffer,
  to: readonly Uint8Array[],
): Promise<WrappedSession> {
  const plain = Buffer.concat([key.reveal(), sealing.reveal()]);
  return {
    commitment: commitmentTo(key.reveal(), vaultId),
    recipients: await wrapForAll(to, vaultId, 'session', plain),
  };
}

function commitmentTo(sessionKey: Uint8Array, vaultId: Buffer): string {
  return derive(sessionKey, vaultId, 'commitment').toString('hex');
}

/** The object of session `id`. Throws `vault.damaged`. */
export function parseSession(id: string, bytes: Buffer): Of<typeof sessionShape> {
  const name = `keys/session-${id}`;
  if (sha256Hex(bytes) !== id) throw new PortcullisError('vault.damaged', `${name} is not what its name says.`);
  try {
    return sessionShape(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    throw new PortcullisError('vault.damaged', `${name}: ${reasonOf(error)}.`, { cause: error });
  }
}

/** The session key of session `id`, and the sealing secret. Rejects with `vault.damaged` or `vault.recipient`, or as the store does. */
export async function readSession(store: Store, id: string, key: RecoveryKey): Promise<Session> {
  const name = `keys/session-${id}`;
  return unwrapSession(key, parseSession(id, await store.get(name)), name);
}

/** Rejects with `vault.recipient`, or `vault.damaged` where it is not the key that is committed to. `name` is for people. */
export async function unwrapSession(key: RecoveryKey, wrapped: WrappedSession, name: string): Promise<Session> {
  const plain = await unwrapFor(key, wrapped.recipients, 'session', name);
  const sessionKey = plain.subarray(0, 32);
  if (plain.length !== 64 || commitmentTo(sessionKey, key.vaultId) !== wrapped.commitment) {
    throw new PortcullisError('vault.damaged', `${name} holds another key than it commits to.`);
  }
  return { key: new Secret(sessionKey), sealing: new Secret(plain.subarray(32)) };
}

async function unwrapFor(
  key: RecoveryKey,
  from: readonly Wrapped[],
  purpose: 'appliance' | 'session',
  name: string,
): Promise<Buffer> {
  const mine = from.find((one) => one.publicKey === key.publicKey.toString('hex'));
  if (mine === undefined) {
    throw new PortcullisError('vault.recipient', `${name} is not encrypted to this recovery key.`);
  }
  try {
    return await unwrap(key.privateKey.reveal(), key.vaultId, purpose, Buffer.from(mine.wrapped, 'hex'));
  } catch (error) {
    throw new PortcullisError('vault.damaged', `${name} does not open with the recovery key it names.`, {
      cause: error,
    });
  }
}
