import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../architecture/tree.ts';

export const firmware = (name: string): string => join(ROOT, 'firmware-config', name);
export const read = (name: string): string => readFileSync(firmware(name), 'utf8');

/** Whether a program is there; where it is not, the tests that need it are skipped, and the log says which and why. */
export function present(program: string, remedy: string, test = `command -v ${program}`): boolean {
  const found = spawnSync('sh', ['-c', test]).status === 0;
  if (!found)
    console.warn(`SKIPPED: ${program} is not installed, and what it would have checked is not checked. ${remedy}`);
  return found;
}

/** The lines of the recommended build, as docs/hardware.md lists them: name → BCM line and pin of the header. */
export function documentedLines(): Map<string, { line: number; pin: number }> {
  const rows = readFileSync(join(ROOT, 'docs/hardware.md'), 'utf8').matchAll(/^\| `(\w[\w-]*)` \| (\d+) \| (\d+) \|/gm);
  return new Map([...rows].map(([, name, line, pin]) => [String(name), { line: Number(line), pin: Number(pin) }]));
}
