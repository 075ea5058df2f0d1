import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import { chipOf, type GpioLine } from './gpio-chip.ts';

/** The number by which sysfs knows this line on this kernel. Throws `gate.board`. */
export function sysfsNumber(wanted: GpioLine, root = '/sys/class/gpio'): number {
  const chips: { label: string; lines: number; base: number }[] = [];
  try {
    for (const name of readdirSync(root).filter((each) => /^gpiochip\d+$/.test(each))) {
      const value = (file: string) => readFileSync(join(root, name, file), 'utf8').trim();
      chips.push({ label: value('label'), lines: Number(value('ngpio')), base: Number(value('base')) });
    }
  } catch (error) {
    const what = `The ${wanted.what} needs GPIO by sysfs, which this kernel does not offer: ${reasonOf(error)}.`;
    throw new PortcullisError('gate.board', what, { cause: error });
  }
  return chipOf(wanted, chips, []).base + wanted.line;
}
