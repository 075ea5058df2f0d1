import { randomBytes } from 'node:crypto';
import { PortcullisError } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import { sha256Hex, x25519PublicOf } from './crypto.ts';
import { unwrap, wrap } from './hpke.ts';

/** The recovery key and its file: docs/vault-format.md section 4.3. */
export interface RecoveryKey {
  readonly vaultId: Buffer;
  /** The appliance's Ed25519 public key: what tells its snapshots from forged ones. */
  readonly verifyKey: Buffer;
  /** X25519. */
  readonly privateKey: Secret;
  readonly publicKey: Buffer;
}

export function createRecoveryKey(vaultId: Buffer, verifyKey: Buffer): RecoveryKey {
  return recoveryKey(vaultId, verifyKey, randomBytes(32));
}

function recoveryKey(vaultId: Buffer, verifyKey: Buffer, secret: Buffer): RecoveryKey {
  return { vaultId, verifyKey, privateKey: new Secret(secret), publicKey: x25519PublicOf(secret) };
}

const FIRST_LINE = 'format: portcullis-recovery-key 1';
const FIELDS = { 'vault-id': 16, 'verify-key': 32, 'private-key': 32 } as const;
type Field = keyof typeof FIELDS;

function checksum(field: Field, value: Buffer): string {
  return sha256Hex(Buffer.from(`${field}:`), value).slice(0, 8);
}

function formatLine(field: Field, value: Buffer): string {
  const groups = value.toString('hex').match(/.{4}/g)?.join(' ');
  return `${field}: ${groups} [${checksum(field, value)}]`;
}

/** The file's text. It holds the private key: print it, keep it offline, never on the appliance. */
export function formatRecoveryKey(key: RecoveryKey): string {
  return [
    '# Portcullis recovery key. Without it nothing in the vault can be read; with it, everything can.',
    '# Keep it offline, in two places. Print it: every line ends in a checksum, so it can be typed in again.',
    FIRST_LINE,
    formatLine('vault-id', key.vaultId),
    formatLine('verify-key', key.verifyKey),
    formatLine('private-key', key.privateKey.reveal()),
    '',
  ].join('\n');
}

/** Throws `vault.key`, naming the line, when `text` is not a whole and correct recovery key file. */
export function parseRecoveryKey(text: string): RecoveryKey {
  const values = new Map<string, Buffer>();
  let known = false;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim().toLowerCase();
    if (line === '' || line.startsWith('#')) continue;
    if (line.replace(/\s+/g, ' ') === FIRST_LINE) {
      known = true;
      continue;
    }
    const [field, value] = parseLine(line, index + 1);
    values.set(field, value);
  }
  if (!known) throw new PortcullisError('vault.key', `This is no recovery key: the line "${FIRST_LINE}" is missing.`);
  const value = (field: Field): Buffer => {
    const found = values.get(field);
    if (found === undefined) throw new PortcullisError('vault.key', `The recovery key has no line "${field}".`);
    return found;
  };
  return recoveryKey(value('vault-id'), value('verify-key'), value('private-key'));
}

function parseLine(line: string, number: number): [Field, Buffer] {
  const match = /^([a-z-]+)\s*:\s*([0-9a-f\s]+)\[([0-9a-f]{8})\]$/.exec(line);
  const field = match?.[1];
  if (match?.[2] === undefined || field === undefined || !isField(field)) {
    // The line itself may hold the private key: it is not quoted.
    throw new PortcullisError('vault.key', `Line ${number} of the recovery key is not of its format.`);
  }
  const digits = match[2].replace(/\s/g, '');
  const value = Buffer.from(digits, 'hex');
  if (digits.length !== FIELDS[field] * 2 || checksum(field, value) !== match[3]) {
    throw new PortcullisError(
      'vault.key',
      `Line ${number} of the recovery key ("${field}") does not agree with its checksum.`,
    );
  }
  return [field, value];
}

function isField(name: string): name is Field {
  return Object.hasOwn(FIELDS, name);
}

/** A challenge only the holder of the private half of `publicKey` can answer, and its answer. */
export async function createChallenge(
  publicKey: Uint8Array,
  vaultId: Buffer,
): Promise<{ challenge: string; answer: string }> {
  const answer = randomBytes(8);
  const challenge = await wrap(publicKey, vaultId, 'challenge', answer);
  return { challenge: challenge.toString('hex'), answer: answer.toString('hex') };
}

/** The answer to a challenge. Rejects with `vault.recipient` when it was made for another key. */
export async function answerChallenge(key: RecoveryKey, challenge: string): Promise<string> {
  try {
    const wrapped = Buffer.from(challenge, 'hex');
    return (await unwrap(key.privateKey.reveal(), key.vaultId, 'challenge', wrapped)).toString('hex');
  } catch (error) {
    throw new PortcullisError('vault.recipient', 'This recovery key does not open the challenge.', { cause: error });
  }
}
