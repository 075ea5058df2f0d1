/** Seals a directory with several threads, to be killed: `seal-child.ts SETUP`, JSON. Says `done` when it lives to see it. */
import { Secret } from '../../daemon/base/secret.ts';
import { directorySource } from '../../daemon/sources/directory.ts';
import { seal } from '../../daemon/vault/seal.ts';

export interface ChildSetup {
  readonly path: string;
  readonly staging: string;
  readonly state: string;
  /** Hex. */
  readonly sealing: string;
  readonly vaultId: string;
  readonly recipients: readonly string[];
  readonly threads: number;
  readonly wall: number;
}

const { path, threads, wall, ...setup } = JSON.parse(process.argv[2] ?? '') as ChildSetup;
const { signal } = new AbortController();
const { entries, facts } = await directorySource({ name: 'files', path, exclude: [] }).pull({ workdir: '', signal });
try {
  const { adopted } = await seal({
    staging: setup.staging,
    state: setup.state,
    sealing: new Secret(Buffer.from(setup.sealing, 'hex')),
    vaultId: Buffer.from(setup.vaultId, 'hex'),
    recipients: setup.recipients.map((one) => Buffer.from(one, 'hex')),
    source: { name: 'files', kind: 'directory' },
    facts,
    entries,
    wall,
    threads,
  });
  process.stdout.write(`done ${adopted}\n`);
} catch (error) {
  process.stdout.write(`failed ${String(error)}\n`);
}
