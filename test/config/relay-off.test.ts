import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../daemon/config/load.ts';
import { relayOffLines, writeRelayOff } from '../../daemon/config/relay-off.ts';
import { broken } from './samples.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pc-relay-off-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function config(board: string) {
  const path = join(folder, 'portcullis.yaml');
  await writeFile(path, broken('  driver: simulated\n  directory: board\n', `  driver: hardware\n${board}`));
  return { path, config: await loadConfig(path) };
}
const line = (driver: string, chip: string, number: number) =>
  `{ driver: ${driver}, chip: ${chip}, line: ${number} }\n`;

describe('what the off-helper is told', () => {
  it('is both lines of one chip, whatever drives them, beside the configuration and for all to read', async () => {
    const { path, config: sound } = await config(
      `  relay: ${line('gpiochip', 'pinctrl-rp1', 17)}  relay2: ${line('onoff', 'pinctrl-rp1', 27)}`,
    );
    const written = await writeRelayOff(sound, path);
    expect(written).toBe(join(folder, 'relay-off.env'));
    const text = await readFile(written ?? '', 'utf8');
    expect(text.split('\n').filter((each) => each !== '' && !each.startsWith('#'))).toEqual([
      'CHIP_LABEL=pinctrl-rp1',
      'LINE=17',
      'LINE2=27',
    ]);
    expect((await stat(written ?? '')).mode & 0o777).toBe(0o644);
  });

  it('is the line there is, where the other relay is a serial board, and never a line of another chip', async () => {
    const serial = `{ driver: serial, model: lcus, port: /dev/ttyUSB0 }\n`;
    const mixed = await config(`  relay: ${serial}  relay2: ${line('gpiochip', 'pinctrl-rp1', 27)}`);
    expect(relayOffLines(mixed.config)).toContain('\nLINE=27\n');
    const two = await config(
      `  relay: ${line('gpiochip', 'pinctrl-rp1', 17)}  relay2: ${line('gpiochip', 'pinctrl-bcm2711', 27)}`,
    );
    expect(relayOffLines(two.config)).not.toContain('27\n');
    const none = await config(`  relay: ${serial}`);
    expect(await writeRelayOff(none.config, none.path)).toBeUndefined();
  });
});
