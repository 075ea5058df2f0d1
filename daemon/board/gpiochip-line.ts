import { closeSync, openSync, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';
import { chipOf, type GpioLine } from './gpio-chip.ts';
import {
  CHIP_INFO_SIZE,
  decodeChipInfo,
  decodeConsumer,
  decodeValues,
  encodeLineInfo,
  encodeRequest,
  encodeValues,
  GET_CHIP_INFO,
  GET_LINE,
  GET_LINE_INFO,
  GET_VALUES,
  type LineRequest,
  lineDescriptor,
} from './gpiochip-abi.ts';
import type { Kernel } from './gpiochip-kernel.ts';

type Direction = LineRequest extends infer R ? (R extends LineRequest ? Omit<R, 'line' | 'consumer'> : never) : never;

/** Takes a line from the kernel and returns its descriptor. The line is let go when that is closed. Throws `gate.board`. */
export function takeLine(kernel: Kernel, wanted: GpioLine, direction: Direction, devices = '/dev'): number {
  const path = chipPath(kernel, wanted, devices);
  const chip = openSync(path, 'r');
  try {
    const request = encodeRequest({ ...direction, line: wanted.line, consumer: `portcullis-${wanted.what}` });
    kernel.ioctl(chip, GET_LINE, request);
    return lineDescriptor(request);
  } catch (error) {
    const { label, line, what } = wanted;
    const reason = errnoOf(error) === 'EBUSY' ? holderOf(kernel, chip, line) : reasonOf(error);
    throw new PortcullisError('gate.board', `The ${what} cannot have line ${line} of ${label}: ${reason}.`, {
      cause: error,
    });
  } finally {
    closeSync(chip);
  }
}

/** The level of the line, or undefined where the kernel does not tell. */
export function levelOf(kernel: Kernel, descriptor: number): boolean | undefined {
  const values = encodeValues(false);
  try {
    kernel.ioctl(descriptor, GET_VALUES, values);
    return decodeValues(values);
  } catch {
    return undefined;
  }
}

/** The device of this line's chip. Throws `gate.board` where this machine has none, or lets us see none. */
export function chipPath(kernel: Kernel, wanted: GpioLine, devices = '/dev'): string {
  const chips = new Map<string, { label: string; lines: number; path: string }>();
  const unreadable: string[] = [];
  for (const name of readdirSync(devices).filter((each) => /^gpiochip\d+$/.test(each))) {
    try {
      // Some systems have second names for a chip, as links.
      const path = realpathSync(join(devices, name));
      chips.set(path, { ...chipInfo(kernel, path), path });
    } catch (error) {
      unreadable.push(`${name} (${reasonOf(error)})`);
    }
  }
  return chipOf(wanted, [...chips.values()], unreadable).path;
}

function chipInfo(kernel: Kernel, path: string) {
  const chip = openSync(path, 'r');
  try {
    const info = Buffer.alloc(CHIP_INFO_SIZE);
    kernel.ioctl(chip, GET_CHIP_INFO, info);
    return decodeChipInfo(info);
  } finally {
    closeSync(chip);
  }
}

function holderOf(kernel: Kernel, chip: number, line: number): string {
  const info = encodeLineInfo(line);
  try {
    kernel.ioctl(chip, GET_LINE_INFO, info);
  } catch {
    return 'another program holds it';
  }
  return `it is held by "${decodeConsumer(info)}"`;
}
