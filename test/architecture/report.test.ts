import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from './tree.ts';

const passed = { name: 'a.test.ts', status: 'passed', assertionResults: [{ status: 'passed' }] };
const failed = { name: 'b.test.ts', status: 'failed', assertionResults: [{ status: 'failed' }] };
const broken = { name: 'c.test.ts', status: 'failed', assertionResults: [] };

it.each([
  ['all passed', { numPassedTests: 3 }, [passed], '3 passed, 0 failed', 0],
  ['one failed', { numPassedTests: 3, numFailedTests: 1 }, [passed, failed], '3 passed, 1 failed', 1],
  ['one file fell before its first test', { numPassedTests: 3 }, [passed, broken], '3 passed, 1 failed', 1],
  [
    'some were skipped',
    { numPassedTests: 3, numPendingTests: 1, numTodoTests: 1 },
    [passed],
    '3 passed, 0 failed, 2 skipped',
    0,
  ],
  ['nothing was run', {}, [], '0 passed, 0 failed', 1],
])('the closing line of scripts/test when %s', (_title, counts, testResults, line, status) => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-report-'));
  try {
    const report = {
      numPassedTests: 0,
      numFailedTests: 0,
      numPendingTests: 0,
      numTodoTests: 0,
      ...counts,
      testResults,
    };
    writeFileSync(join(folder, 'report.json'), JSON.stringify(report));
    const run = spawnSync(process.execPath, [join(ROOT, 'scripts/test-report.js'), join(folder, 'report.json')]);
    expect(String(run.stdout).trimEnd().split('\n').at(-1)).toBe(line);
    expect(run.status).toBe(status);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
