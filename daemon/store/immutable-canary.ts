import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, open, readdir, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';
import { IMMUTABLE, loadInodeFlags } from '../files/inode-flags.ts';
import type { Protection } from './canary.ts';

export interface ImmutableCanaryPorts {
  /** Has everything whole in the store protected. */
  protect(): Promise<unknown>;
  /** Why whoever ships could take the protection off again, or undefined when he cannot. */
  readonly writerMayClear: string | undefined;
}

/** Properties of a unit that `whyWriterMayClear` looks at. */
export const WRITER_PROPERTIES = ['LoadState', 'User', 'AmbientCapabilities'] as const;

/**
 * Why whoever ships could take the protection off again, or undefined when he cannot: `unit`, with these properties, where systemd knows it, and
 * else who asks. Pure.
 */
export function whyWriterMayClear(
  unit: string,
  properties: ReadonlyMap<string, string>,
  askedByRoot: boolean,
): string | undefined {
  const isUnit = properties.get('LoadState') === 'loaded';
  const isRoot = isUnit ? ['', 'root', '0'].includes(properties.get('User') ?? '') : askedByRoot;
  if (isRoot) return 'whoever ships is root, who can have it taken off.';
  const capabilities = isUnit ? (properties.get('AmbientCapabilities') ?? '') : '';
  return capabilities.includes('cap_linux_immutable') ? `${unit} may take it off.` : undefined;
}

/**
 * Finds out whether the vault at `root` keeps what was made immutable: writes a canary, has it protected, and tries to harm it. What counts is
 * not the answers but whether it is still there and as it was. Rejects with `store.gone` when no vault is there. The canary stays until
 * what has expired is let go; the next one removes it.
 */
export async function tryImmutable(root: string, ports: ImmutableCanaryPorts): Promise<Protection> {
  if ((await stat(join(root, 'FORMAT')).catch(() => undefined)) === undefined)
    throw new PortcullisError('store.gone', `There is no vault at ${root}.`);
  const advisory = (why: string): Protection => ({
    kind: 'advisory',
    detail: `Nothing but its isolation keeps the vault in ${root}: ${why}`,
  });
  const folder = join(root, 'canary');
  const name = randomBytes(16).toString('hex');
  const path = join(folder, name);
  const bytes = randomBytes(16);
  try {
    await mkdir(folder, { mode: 0o700, recursive: true });
    for (const old of await readdir(folder)) await unlink(join(folder, old)).catch(() => {});
    await writeFile(path, bytes, { flag: 'wx', mode: 0o600 });
    await ports.protect();
  } catch (error) {
    return advisory(`a canary could not be protected. ${reasonOf(error)}`);
  }
  const elsewhere = join(folder, `${name}.moved`);
  for (const [harm, attempt] of Object.entries(attempts(path, elsewhere))) {
    await attempt().catch(() => {});
    if (await isAsBefore(path, bytes)) continue;
    await unlink(elsewhere).catch(() => {});
    return advisory(`a protected canary was there no more, or not as before, after an attempt to ${harm} it.`);
  }
  if (ports.writerMayClear !== undefined)
    return advisory(`a protected canary could not be harmed, but ${ports.writerMayClear}`);
  return {
    kind: 'enforced',
    detail: `Immutable: enforced against the appliance's user, not against root or another machine. A protected canary in ${root} could not be harmed.`,
  };
}

function attempts(path: string, elsewhere: string): Record<string, () => Promise<unknown>> {
  return {
    overwrite: () => writeFile(path, 'x'),
    chmod: () => chmod(path, 0o644),
    link: () => link(path, elsewhere),
    rename: () => rename(path, elsewhere),
    // Root can, that is known; it would prove nothing of whoever ships.
    ...(process.geteuid?.() === 0 ? {} : { unprotect: () => clearFlag(path) }),
    delete: () => unlink(path),
  };
}

async function clearFlag(path: string): Promise<void> {
  const flags = await loadInodeFlags();
  const file = await open(path, 'r');
  try {
    flags?.write(file.fd, flags.read(file.fd) & ~IMMUTABLE);
    await file.chmod(0o644);
  } finally {
    await file.close();
  }
}

async function isAsBefore(path: string, bytes: Buffer): Promise<boolean> {
  try {
    const { mode, nlink } = await stat(path);
    return (mode & 0o777) === 0o600 && nlink === 1 && (await readFile(path)).equals(bytes);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}
