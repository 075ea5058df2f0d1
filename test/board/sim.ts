import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Label of the lab's simulated chip. */
export const SIM_LABEL = 'pinctrl-bcm2711';
const ROOT = '/sys/devices/platform';
const PERSIST = '/sys/module/pinctrl_bcm2835/parameters/persist_gpio_outputs';

/** The outside of a kernel's simulated GPIO chip: what a meter would show, and what a finger would do. */
export interface Sim {
  /** Directory of the pins. */
  readonly path: string;
  /** The level of the pin, as the chip drives it or is pulled. */
  level(line: number): boolean;
  pull(line: number, high: boolean): void;
  /** Whether an output keeps its level when its holder dies. */
  persist(persist: boolean): void;
}

/** The lab's chip, or undefined on a machine that has none. */
export function findSim(): Sim | undefined {
  const pin = (line: number, file: string) => join(chip ?? '', `sim_gpio${line}`, file);
  const chip = list(ROOT)
    .filter((name) => name.startsWith('gpio-sim.'))
    .flatMap((name) => list(join(ROOT, name)).map((child) => join(ROOT, name, child)))
    .find((path) => /\/gpiochip\d+$/.test(path));
  if (chip === undefined) return undefined;
  return {
    path: chip,
    level: (line) => readFileSync(pin(line, 'value'), 'utf8').startsWith('1'),
    pull: (line, high) => writeFileSync(pin(line, 'pull'), high ? 'pull-up' : 'pull-down'),
    persist: (persist) => writeFileSync(PERSIST, persist ? 'Y' : 'N'),
  };
}

/** The lab's chip, or a loud word that what needs it is not tested here. */
export function simOrSay(what: string): Sim | undefined {
  const sim = findSim();
  if (sim === undefined)
    console.warn(`SKIPPED: ${what} needs a kernel with a simulated GPIO chip. Run it with: npm run test:lab`);
  return sim;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
