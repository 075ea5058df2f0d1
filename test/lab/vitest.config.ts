import { defineConfig } from 'vitest/config';

/** Inside the virtual machine of scripts/lab: times are measured, so one after the other. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/lab/**/*.lab.ts', 'test/board/gpiochip.test.ts', 'test/board/onoff.test.ts'],
    maxWorkers: 1,
    // However many rounds: the run as a whole has its limit.
    testTimeout: 3_600_000,
    hookTimeout: 60_000,
  },
});
