import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DirectoryStore } from '../../daemon/store/directory.ts';
import { createApplianceSecrets, createVaultId, verifyKeyFor } from '../../daemon/vault/appliance-secrets.ts';
import { createVault } from '../../daemon/vault/create.ts';
import { NO_RECORD } from '../../daemon/vault/format.ts';
import { formatRecoveryKey } from '../../daemon/vault/key-file.ts';
import { signRecord } from '../../daemon/vault/record.ts';
import { createRecoveryKey } from '../../daemon/vault/recovery-key.ts';
import { listBatches } from '../../daemon/vault/staging.ts';
import { type Run, run } from './run.ts';

const DIST = new URL('../../dist/main/', import.meta.url).pathname;

/** An appliance of the compiled jobs and command, below one folder. */
export class Appliance {
  readonly #folder: string;
  readonly #maxMemory: number;
  readonly #secrets = createApplianceSecrets();
  readonly #vaultId = createVaultId();
  readonly #key = createRecoveryKey(this.#vaultId, verifyKeyFor(this.#secrets.signing));
  #heads: string[] = [NO_RECORD];
  readonly vault: string;
  readonly staging: string;

  constructor(folder: string, maxMemory = 200 << 20) {
    this.#folder = folder;
    this.#maxMemory = maxMemory;
    this.vault = join(folder, 'vault');
    this.staging = join(folder, 'staging');
  }

  async init(): Promise<void> {
    for (const name of ['vault', 'staging', 'state', 'work']) mkdirSync(join(this.#folder, name), { recursive: true });
    writeFileSync(join(this.#folder, 'secret'), this.#secrets.sealing.reveal());
    writeFileSync(join(this.#folder, 'recovery.key'), formatRecoveryKey(this.#key));
    await createVault(new DirectoryStore(this.vault), {
      vaultId: this.#vaultId,
      secrets: this.#secrets,
      recipients: [this.#key.publicKey],
      wall: 1_800_000_000_000,
    });
  }

  /** Seals a folder, or what the settings of a source name. */
  seal(source: string | { readonly name: string; readonly kind: string }): Promise<Run> {
    const request = {
      source:
        typeof source === 'string'
          ? { name: 'bench', kind: 'directory', path: source, exclude: [], canaries: [] }
          : source,
      staging: this.staging,
      index: join(this.#folder, 'state'),
      work: join(this.#folder, 'work'),
      secret: join(this.#folder, 'secret'),
      recipients: [this.#key.publicKey.toString('base64')],
      vaultId: this.#vaultId.toString('hex'),
      stagingLimit: 2 ** 40,
      maxMemory: this.#maxMemory,
      compression: 3,
      expires: false,
      wall: 1_800_000_000_000,
    };
    // As `daemon/main/jobs.ts` starts it.
    return run([process.execPath, '--max-semi-space-size=1', join(DIST, 'seal.js')], {
      env: { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: String(1 << 20) },
      input: `${JSON.stringify(request)}\n`,
      talk: untilDone,
    });
  }

  async ship(): Promise<Run> {
    const request = {
      type: 'ship',
      store: { kind: 'directory', path: this.vault },
      staging: this.staging,
      index: join(this.#folder, 'state'),
      batches: (await listBatches(this.staging)).map(({ batch }) => batch),
      vaultId: this.#vaultId.toString('hex'),
      verifyKey: verifyKeyFor(this.#secrets.signing).toString('base64'),
      heads: this.#heads,
    };
    return run([process.execPath, join(DIST, 'ship.js')], {
      input: `${JSON.stringify(request)}\n`,
      talk: (line, say) => {
        const message = JSON.parse(line) as { type: string; id: number; body: string };
        if (message.type !== 'sign') return untilDone(line);
        const { signature, hash } = signRecord(message.body, this.#secrets.signing, {
          vaultId: this.#vaultId,
          heads: this.#heads,
        });
        this.#heads = [hash];
        say(`${JSON.stringify({ type: 'signature', id: message.id, signature })}\n`);
        return false;
      },
    });
  }

  get key(): string {
    return join(this.#folder, 'recovery.key');
  }

  restore(to: string): Promise<Run> {
    return run([
      process.execPath,
      join(DIST, 'portcullis.js'),
      'restore',
      '--store',
      this.vault,
      '--key',
      this.key,
      '--to',
      to,
      '--source',
      'bench',
    ]);
  }
}

/** By the reader in Python, which shares no code with the daemon. Throws unless every byte, name and link is what `source` has. */
export async function restoreByReader(
  vault: string,
  key: string,
  seq: number,
  to: string,
  source: string,
): Promise<Run> {
  const reader = new URL('../portcullis-reader.py', import.meta.url).pathname;
  const read = await run(['/usr/bin/python3', reader, '--store', vault, '--key', key, 'restore', String(seq), to]);
  execFileSync('diff', ['-r', '--no-dereference', source, to]);
  return read;
}

function untilDone(line: string): boolean {
  const message = JSON.parse(line) as { type: string; what?: string };
  if (message.type === 'failed') throw new Error(message.what);
  return message.type === 'done';
}
