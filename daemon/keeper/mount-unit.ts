import { posix } from 'node:path';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import { type Systemctl, systemctl } from '../base/systemctl.ts';

/** A disk takes seconds from power to device, and a server from power to answer. */
const MOUNT_MS = 120_000;
/** Longer than writing back what is left; the vault stays connected meanwhile. */
const UNMOUNT_MS = 10_000;

/** The vault's file system, which is there only while the link is alive. */
export interface VaultMount {
  /** Resolves once it is mounted. Rejects with `store.mount`, also when `signal` ends it. */
  up(signal: AbortSignal): Promise<void>;
  /** Resolves once it is not mounted any more; harmless when it was not. Rejects with `store.mount`. */
  down(): Promise<void>;
}

/** Somebody else mounts it, or nobody has to. */
export const NO_MOUNT: VaultMount = { async up() {}, async down() {} };

/**
 * Mounts through a mount unit of systemd (systemd.mount(5)): it knows every kind of file system, waits for the device, and unmounts even when
 * this process has ended.
 */
export class MountUnit implements VaultMount {
  readonly #unit: string;
  readonly #systemctl: Systemctl;

  constructor(unit: string, run: Systemctl = systemctl) {
    this.#unit = unit;
    this.#systemctl = run;
  }

  async up(signal: AbortSignal): Promise<void> {
    await this.#order(['start', this.#unit], MOUNT_MS, signal);
  }

  /** Takes back a start that is still under way, too. */
  async down(): Promise<void> {
    await this.#order(['stop', this.#unit], UNMOUNT_MS);
  }

  async #order(args: readonly [string, string], ms: number, signal?: AbortSignal): Promise<void> {
    try {
      await this.#systemctl(args, ms, signal);
    } catch (error) {
      const why = signal?.aborted ? String(signal.reason) : lastLine(error);
      throw new PortcullisError('store.mount', `systemctl ${args.join(' ')} failed: ${why}`);
    }
  }
}

/** Properties that `judgeMount` looks at. */
export const MOUNT_PROPERTIES = ['LoadState', 'Where', 'Type', 'Options', 'LazyUnmount', 'UnitFileState'] as const;

/** What is wrong with a mount unit for a vault in `path`, and what to do about each, worst first. Pure. */
export function judgeMount(
  unit: string,
  properties: ReadonlyMap<string, string>,
  path: string,
): { readonly detail: string; readonly remedy: string }[] {
  const of = (name: (typeof MOUNT_PROPERTIES)[number]) => properties.get(name) ?? '';
  if (of('LoadState') !== 'loaded')
    return [{ detail: `${unit} is not known to systemd.`, remedy: 'Write it, and run `systemctl daemon-reload`.' }];
  const problems = [];
  const where = of('Where');
  if (posix.relative(where, path).startsWith('..'))
    problems.push({
      detail: `${unit} mounts ${where}, and the vault is ${path}.`,
      remedy: 'Put the vault into what is mounted.',
    });
  if (of('Type').startsWith('nfs') && !of('Options').split(',').includes('soft'))
    problems.push({
      detail: `${unit} is a hard mount: whoever touches it when the link drops never returns.`,
      remedy: 'Add soft to its Options.',
    });
  if (of('LazyUnmount') !== 'yes')
    problems.push({
      detail: `${unit} cannot be unmounted while somebody holds a file of it.`,
      remedy: 'Add LazyUnmount=yes to its [Mount].',
    });
  if (of('UnitFileState') === 'enabled')
    problems.push({
      detail: `${unit} is mounted at boot, when the vault is isolated.`,
      remedy: `Run \`systemctl disable ${unit}\`.`,
    });
  return problems;
}

function lastLine(error: unknown): string {
  const { stderr = '', killed = false } = error as { stderr?: string; killed?: boolean };
  if (killed) return 'it took too long.';
  return stderr.trim().split('\n').at(-1) || reasonOf(error);
}
