import { canonical } from '../base/canonical.ts';
import { hasCode, PortcullisError } from '../base/errors.ts';
import { integer, text } from '../base/shape.ts';
import { FORMAT_NAME, VERSION } from './format.ts';
import { exactly, hex, loose } from './loose.ts';
import type { Store } from './store.ts';

/** `FORMAT`: docs/vault-format.md section 3.1. */

const anyVersion = loose({ format: exactly('portcullis-vault'), version: integer(1) });
const shape = loose({ format: exactly('portcullis-vault'), version: integer(1), vaultId: hex(16), created: text() });

/** `created` is RFC 3339, UTC, milliseconds. */
export function encodeFormat(vaultId: Buffer, created: string): Buffer {
  const content = {
    format: 'portcullis-vault',
    version: VERSION,
    vaultId: vaultId.toString('hex'),
    created,
  };
  return Buffer.from(`${canonical(content)}\n`);
}

/**
 * What `FORMAT` says of the vault in `store`, and its bytes. Rejects with `vault.absent` when it holds none, `vault.version` when this program does
 * not know its version, or as the store does.
 */
export async function readFormat(store: Store): Promise<{ vaultId: Buffer; created: string; bytes: Buffer }> {
  let bytes: Buffer;
  try {
    // Not from memory, which may still know a disk that has gone away.
    ({ bytes } = await store.readBack(FORMAT_NAME));
  } catch (error) {
    if (!hasCode(error, 'store.missing')) throw error;
    throw new PortcullisError('vault.absent', 'There is no vault: the object FORMAT is missing.', { cause: error });
  }
  let format: ReturnType<typeof shape> | undefined;
  let version: number;
  try {
    const content: unknown = JSON.parse(bytes.toString('utf8'));
    ({ version } = anyVersion(content));
    if (version === VERSION) format = shape(content);
  } catch (error) {
    throw new PortcullisError('vault.absent', 'There is no vault: the object FORMAT is not one of ours.', {
      cause: error,
    });
  }
  if (format === undefined) {
    throw new PortcullisError(
      'vault.version',
      `The object FORMAT says version ${version}; this program knows version ${VERSION}.`,
    );
  }
  return { vaultId: Buffer.from(format.vaultId, 'hex'), created: format.created, bytes };
}

/** Rejects with `vault.other` unless `store` holds the vault `vaultId`, or as `readFormat`. */
export async function expectVault(store: Store, vaultId: Buffer): Promise<void> {
  const { vaultId: found } = await readFormat(store);
  if (found.equals(vaultId)) return;
  throw new PortcullisError(
    'vault.other',
    `By its object FORMAT the store holds vault ${found.toString('hex')}, not ${vaultId.toString('hex')}.`,
  );
}
