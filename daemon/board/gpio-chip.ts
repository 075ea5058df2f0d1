import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PortcullisError } from '../base/errors.ts';

/** A line of a GPIO chip. The chip is named by its label, never by its number, which changes from kernel to kernel. */
export interface GpioLine {
  readonly label: string;
  /** Number of the line on its chip, from 0: on a Pi the BCM number. */
  readonly line: number;
  /** What it is for, for example `relay`: the kernel and our errors name it so. */
  readonly what: string;
}

export interface GpioChip {
  readonly label: string;
  readonly lines: number;
}

/** The one chip of this line, if it has the line at all. `unreadable` says which chips could not be asked. Throws `gate.board`. */
export function chipOf<T extends GpioChip>(wanted: GpioLine, chips: readonly T[], unreadable: readonly string[]): T {
  const { label, line, what } = wanted;
  const [chip, ...more] = chips.filter((each) => each.label === label);
  if (chip === undefined) {
    const found = [...chips.map((each) => each.label), ...unreadable];
    const present = found.length === 0 ? 'this machine has no GPIO chip' : `this machine has ${found.join(', ')}`;
    throw new PortcullisError('gate.board', `The ${what} needs the GPIO chip labelled ${label}: ${present}.`);
  }
  if (more.length > 0)
    throw new PortcullisError(
      'gate.board',
      `The ${what}'s chip cannot be told: ${more.length + 1} chips are ${label}.`,
    );
  if (line < 0 || line >= chip.lines)
    throw new PortcullisError(
      'gate.board',
      `The ${what} needs line ${line}: the GPIO chip ${label} has lines 0 to ${chip.lines - 1}.`,
    );
  return chip;
}

/**
 * Whether outputs of this chip keep their level when their holder dies, by the parameter of its kernel module.
 * Undefined where the kernel does not say.
 */
export function outputsPersist(label: string, modules = '/sys/module'): boolean | undefined {
  const module =
    label === 'pinctrl-rp1' ? 'pinctrl_rp1' : label.startsWith('pinctrl-bcm') ? 'pinctrl_bcm2835' : undefined;
  if (module === undefined) return undefined;
  try {
    const value = readFileSync(join(modules, module, 'parameters/persist_gpio_outputs'), 'utf8').trim();
    return value === 'Y' ? true : value === 'N' ? false : undefined;
  } catch {
    return undefined;
  }
}
