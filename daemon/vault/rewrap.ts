import { canonical, type Json } from '../base/canonical.ts';
import { PortcullisError } from '../base/errors.ts';
import { list, type Of, text } from '../base/shape.ts';
import { derive, hmac, sha256Hex } from './crypto.ts';
import { parseSession, type Session, unwrapSession, type WrappedSession, wrapSession } from './key-objects.ts';
import { exactly, hex, loose } from './loose.ts';
import type { RecoveryKey } from './recovery-key.ts';
import type { Store } from './store.ts';
import { isStoreFailure, unlessDamaged } from './vault-error.ts';

/** Session keys wrapped again, to recipients that came later: docs/vault-format.md section 4.6. */

/** About 700 bytes each and recipient. */
const SESSIONS_PER_OBJECT = 500;

const shape = loose({
  format: exactly('portcullis-rewrap'),
  version: exactly(1),
  vaultId: hex(16),
  sessions: list(
    loose({
      session: hex(32),
      commitment: hex(32),
      recipients: list(loose({ publicKey: hex(32), wrapped: text(1000) })),
      /** Shows whoever opens the session that somebody wrote this who did too. */
      mac: hex(32),
    }),
    Number.MAX_SAFE_INTEGER,
  ),
});

const PREFIX = 'keys/rewrap-';

async function* rewraps(store: Store, vaultId: Buffer): AsyncGenerator<Of<typeof shape>> {
  for await (const { name } of store.list('keys')) {
    if (!name.startsWith(PREFIX)) continue;
    try {
      const bytes = await store.get(name);
      const content = shape(JSON.parse(bytes.toString('utf8')));
      if (name === `${PREFIX}${sha256Hex(bytes)}` && content.vaultId === vaultId.toString('hex')) yield content;
    } catch (error) {
      // What is damaged or no such object costs only what is in it; `verify` names it.
      if (error instanceof PortcullisError && isStoreFailure(error)) throw error;
    }
  }
}

/**
 * The sessions that were wrapped again to this key, each with what opens it, or finds that it was no good. A session's own object says which key
 * it commits to, if it is still there; whatever else stands in a wrapped copy, no object of a signed record decrypts with another key.
 */
export async function readRewrapped(
  store: Store,
  key: RecoveryKey,
): Promise<ReadonlyMap<string, () => Promise<Session | undefined>>> {
  const copies = new Map<string, WrappedSession[]>();
  const mine = key.publicKey.toString('hex');
  for await (const { sessions } of rewraps(store, key.vaultId)) {
    for (const { session, commitment, recipients } of sessions) {
      if (!recipients.some(({ publicKey }) => publicKey === mine)) continue;
      copies.set(session, [...(copies.get(session) ?? []), { commitment, recipients }]);
    }
  }
  const open = async (id: string, wrapped: readonly WrappedSession[]): Promise<Session | undefined> => {
    const own = await commitmentOf(store, id);
    for (const one of wrapped) {
      if (own !== undefined && own !== one.commitment) continue;
      const session = await unlessDamaged(unwrapSession(key, one, `keys/session-${id}, wrapped again,`));
      if (session !== undefined) return session;
    }
    return undefined;
  };
  return new Map([...copies].map(([id, wrapped]) => [id, () => open(id, wrapped)]));
}

function asJson(recipients: WrappedSession['recipients']): Json {
  return recipients.map(({ publicKey, wrapped }) => ({ publicKey, wrapped }));
}

function macOf({ key }: Session, vaultId: Buffer, { recipients }: Pick<WrappedSession, 'recipients'>): string {
  const macKey = derive(key.reveal(), vaultId, 'rewrap');
  return hmac(macKey, Buffer.from(canonical(asJson(recipients)))).toString('hex');
}

/** What the session's own object commits to; undefined where that is lost. */
async function commitmentOf(store: Store, id: string): Promise<string | undefined> {
  const own = store.get(`keys/session-${id}`).then((bytes) => parseSession(id, bytes).commitment);
  return unlessDamaged(own);
}

export interface Rewrapped {
  /** Sessions in the vault. */
  readonly sessions: number;
  /** Of these, those that were wrapped again now. */
  readonly wrapped: number;
  /** Sessions that the key does not open: they stay as they are. */
  readonly closed: number;
}

/**
 * Wraps every session that `open` opens again for those of `to` (raw X25519 public keys) that do not open it yet. Rejects as the store does; what
 * was written until then is good, and the next run goes on.
 */
export async function rewrap(
  store: Store,
  vaultId: Buffer,
  open: (id: string) => Promise<Session>,
  to: readonly Uint8Array[],
  progress?: (progress: { readonly sessions: number; readonly wrapped: number }) => void,
): Promise<Rewrapped> {
  const opens = new Map<string, Set<string>>();
  const note = (id: string, { recipients }: Pick<WrappedSession, 'recipients'>) => {
    for (const { publicKey } of recipients) opens.get(id)?.add(publicKey);
  };
  for await (const { name } of store.list('keys')) {
    const id = /^keys\/session-([0-9a-f]{64})$/.exec(name)?.[1];
    if (id === undefined) continue;
    opens.set(id, opens.get(id) ?? new Set());
    // Damaged, it may have been wrapped again before it was.
    const own = await unlessDamaged(store.get(name).then((bytes) => parseSession(id, bytes)));
    if (own !== undefined) note(id, own);
  }
  const again = new Map<string, Of<typeof shape>['sessions']>();
  for await (const { sessions } of rewraps(store, vaultId)) {
    for (const one of sessions) again.set(one.session, [...(again.get(one.session) ?? []), one]);
  }

  let wrapped = 0;
  let closed = 0;
  let looked = 0;
  let waiting: (WrappedSession & { readonly session: string; readonly mac: string })[] = [];
  const write = async () => {
    if (waiting.length === 0) return;
    const content = {
      format: 'portcullis-rewrap',
      version: 1,
      vaultId: vaultId.toString('hex'),
      sessions: waiting.map((one) => ({ ...one, recipients: asJson(one.recipients) })),
    };
    const bytes = Buffer.from(`${canonical(content)}\n`);
    await store.put(`${PREFIX}${sha256Hex(bytes)}`, bytes);
    wrapped += waiting.length;
    waiting = [];
  };
  for (const [session, already] of opens) {
    looked++;
    progress?.({ sessions: looked, wrapped });
    const missing = () => to.filter((one) => !already.has(Buffer.from(one).toString('hex')));
    if (missing().length === 0) continue;
    try {
      const opened = await open(session);
      // Anybody can write that a key has a copy. Only whoever opens the session can write it so.
      for (const one of again.get(session) ?? []) if (one.mac === macOf(opened, vaultId, one)) note(session, one);
      if (missing().length === 0) continue;
      const copy = await wrapSession(opened, vaultId, missing());
      waiting.push({ session, ...copy, mac: macOf(opened, vaultId, copy) });
    } catch (error) {
      if (!(error instanceof PortcullisError) || isStoreFailure(error)) throw error;
      closed++;
    }
    if (waiting.length >= SESSIONS_PER_OBJECT) await write();
  }
  await write();
  return { sessions: opens.size, wrapped, closed };
}
