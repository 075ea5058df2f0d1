import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { BoxFacts } from '../board/coverage.ts';
import { outputsPersist } from '../board/gpio-chip.ts';
import type { Config } from '../config/schema.ts';

const run = promisify(execFile);
const UNIT = 'portcullis-gate.service';

/** What this very box has that drops a relay when the software cannot. What cannot be found out counts as absent. */
export async function boxFacts({ board }: Config): Promise<BoxFacts> {
  const chips =
    board.driver === 'simulated'
      ? []
      : [board.relay, board.relay2].flatMap((part) =>
          part !== undefined && part.driver !== 'serial' ? [part.chip] : [],
        );
  const persisting = chips.map((chip) => outputsPersist(chip));
  const [unit, manager] = await Promise.all([
    show(UNIT, ['ExecStopPost', 'WatchdogUSec', 'ActiveState']),
    show(undefined, ['RuntimeWatchdogUSec']),
  ]);
  const runs = unit.get('ActiveState') === 'active';
  return {
    outputsPersist: persisting.includes(true) ? true : persisting.includes(undefined) ? undefined : false,
    offHelper: runs && (unit.get('ExecStopPost') ?? '').includes('relay-off'),
    serviceWatchdog: runs && isSet(unit.get('WatchdogUSec')),
    hardwareWatchdog: isSet(manager.get('RuntimeWatchdogUSec')),
  };
}

function isSet(span: string | undefined): boolean {
  return span !== undefined && !['', '0', 'infinity'].includes(span);
}

/** Properties of a unit, or of the service manager itself; empty where systemd does not run. */
async function show(unit: string | undefined, properties: readonly string[]): Promise<Map<string, string>> {
  try {
    const { stdout } = await run(
      'systemctl',
      ['show', ...(unit === undefined ? [] : [unit]), `--property=${properties.join(',')}`],
      { timeout: 3000 },
    );
    return new Map(
      stdout
        .trim()
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  } catch {
    return new Map();
  }
}
