import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { firmware, present } from './tools.ts';

describe.skipIf(!present('ngspice', 'Debian: apt install ngspice'))(
  'the dead-man circuit, as ngspice simulates it',
  () => {
    it('holds the coils at 10 Hz and drops them within 500 ms, stuck low and stuck high', () => {
      const { stdout, stderr } = spawnSync('ngspice', ['-b', firmware('dead-man.cir')], { encoding: 'utf8' });
      const figure = (name: string) => Number(new RegExp(`^${name} = (\\S+)$`, 'm').exec(stdout)?.[1]);
      console.log(
        `dead-man: off ${(figure('low_s') * 1000).toFixed(0)} ms after stuck low, ${(figure('high_s') * 1000).toFixed(0)} ms after stuck high`,
      );
      for (const name of ['low_s', 'high_s']) {
        expect(figure(name), stdout + stderr).toBeGreaterThan(0.1);
        expect(figure(name)).toBeLessThan(0.5);
      }
      // While it beats, the coils lose less than half a volt to Q3.
      expect(figure('held')).toBeLessThan(0.5);
    });
  },
);
