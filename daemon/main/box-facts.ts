import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import { showUnit } from '../base/systemctl.ts';
import type { BoxFacts } from '../board/coverage.ts';
import { type GpioLine, outputsPersist } from '../board/gpio-chip.ts';
import { loadKernel } from '../board/gpiochip-kernel.ts';
import { chipPath } from '../board/gpiochip-line.ts';
import { sysfsNumber } from '../board/onoff-lookup.ts';
import { namesAllRelays, RELAY_OFF_FILE } from '../board/relay-off.ts';
import type { Config } from '../config/schema.ts';

const UNIT = 'portcullis-gate.service';

type Hardware = Extract<Config['board'], { driver: 'hardware' }>;
type Part = Hardware['relay'] | Hardware['contacts'][number];

/** What this very box has that drops a relay when the software cannot. What cannot be found out counts as absent. */
export async function boxFacts({ board }: Config): Promise<BoxFacts> {
  const chips =
    board.driver === 'simulated'
      ? []
      : [board.relay, board.relay2].flatMap((part) =>
          part !== undefined && part.driver !== 'serial' ? [part.chip] : [],
        );
  const persisting = chips.map((chip) => outputsPersist(chip));
  const [unit, manager, missing] = await Promise.all([
    showUnit(UNIT, ['ExecStopPost', 'WatchdogUSec', 'ActiveState']),
    showUnit(undefined, ['RuntimeWatchdogUSec']),
    board.driver === 'simulated' ? [] : missingParts(board),
  ]);
  const runs = unit.get('ActiveState') === 'active';
  const helper = runs ? offHelperFile(unit.get('ExecStopPost') ?? '') : undefined;
  const lacks = helper === undefined || board.driver === 'simulated' ? undefined : await helperLacks(helper, board);
  return {
    outputsPersist: persisting.includes(true) ? true : persisting.includes(undefined) ? undefined : false,
    offHelper: helper !== undefined && lacks === undefined,
    serviceWatchdog: runs && isSet(unit.get('WatchdogUSec')),
    hardwareWatchdog:
      isSet(manager.get('RuntimeWatchdogUSec')) && (existsSync('/dev/watchdog0') || existsSync('/dev/watchdog')),
    missing,
    uncounted: lacks === undefined ? [] : [lacks],
  };
}

/** The file that the off-helper in this property of a unit reads, or undefined where there is no off-helper in it. Pure. */
export function offHelperFile(execStopPost: string): string | undefined {
  const found = /argv\[\]=\S*portcullis-relay-off(?: (\S+))? ;/.exec(execStopPost);
  return found === null ? undefined : (found[1] ?? RELAY_OFF_FILE);
}

async function helperLacks(file: string, board: Hardware): Promise<string | undefined> {
  try {
    if (namesAllRelays(await readFile(file, 'utf8'), board)) return undefined;
    return `The off-helper does not count: ${file} does not name every relay of this board. Run \`portcullis config apply\`.`;
  } catch (error) {
    return `The off-helper does not count: ${file}, which it reads, cannot be read: ${reasonOf(error)}.`;
  }
}

/** What of the board this machine does not have: a sentence for each chip and port. */
async function missingParts(board: Hardware): Promise<string[]> {
  const missing = new Map<string, string>();
  for (const [what, part] of partsOf(board)) {
    const device = part.driver === 'serial' ? part.port : `${part.driver} ${part.chip}`;
    if (missing.has(device)) continue;
    try {
      if (part.driver !== 'serial') await find(part.driver, { label: part.chip, line: part.line, what });
      else if (!existsSync(part.port)) missing.set(device, `The ${what} needs ${part.port}, which is not there.`);
    } catch (error) {
      missing.set(device, error instanceof PortcullisError ? error.what : `The ${what}: ${reasonOf(error)}.`);
    }
  }
  return [...missing.values()];
}

async function find(driver: 'gpiochip' | 'onoff', wanted: GpioLine): Promise<void> {
  if (driver === 'onoff') sysfsNumber(wanted);
  else chipPath(await loadKernel(), wanted);
}

/** Those on which isolation, its proof, or a person's say depends. */
function partsOf({ relay, relay2, contacts, button, supply, heartbeat, uplink }: Hardware): [string, Part][] {
  const parts: [string, Part | undefined][] = [
    ['relay', relay],
    ['relay2', relay2],
    ['heartbeat', heartbeat],
    ...contacts.map((part, index): [string, Part] => [`contact${index + 1}`, part]),
    ['button', button],
    ['supply', supply],
    ['uplink', uplink?.relay],
    ['uplink-contact', uplink?.contact],
  ];
  return parts.flatMap(([what, part]): [string, Part][] => (part === undefined ? [] : [[what, part]]));
}

function isSet(span: string | undefined): boolean {
  return span !== undefined && !['', '0', 'infinity'].includes(span);
}
