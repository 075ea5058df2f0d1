import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

const ASK_MS = 3000;

/** Runs `systemctl` with `args` and resolves with what it printed; rejects when it fails, is aborted, or takes longer than `ms`. */
export type Systemctl = (args: readonly string[], ms: number, signal?: AbortSignal) => Promise<string>;

export const systemctl: Systemctl = async (args, ms, signal) =>
  (await run('systemctl', [...args], { timeout: ms, ...(signal === undefined ? {} : { signal }) })).stdout;

/** Properties of a unit, or of the service manager itself; empty where systemd does not run. */
export async function showUnit(unit: string | undefined, properties: readonly string[]): Promise<Map<string, string>> {
  try {
    const who = unit === undefined ? [] : [unit];
    const shown = await systemctl(['show', ...who, `--property=${properties.join(',')}`], ASK_MS);
    return new Map(
      shown
        .trim()
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  } catch {
    return new Map();
  }
}
