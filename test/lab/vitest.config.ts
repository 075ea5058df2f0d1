import { defineConfig } from 'vitest/config';

/** Inside the virtual machine of scripts/lab: times are measured, so one after the other. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/lab/**/*.lab.ts', 'test/board/gpiochip.test.ts', 'test/board/onoff.test.ts'],
    maxWorkers: 1,
    testTimeout: 300_000,
    hookTimeout: 60_000,
  },
});
