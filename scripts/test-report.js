/** Prints the closing line of `scripts/test` from the test runner's own report (JSON), and exits 0 only if all passed. */
import { readFileSync } from 'node:fs';

const report = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const skipped = report.numPendingTests + report.numTodoTests;
// A file that fails before its first test, or in a hook around them, has no failed test to count, yet it failed.
const broken = report.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
);
for (const file of broken) console.log(`Failed as a whole: ${file.name}`);
const failed = report.numFailedTests + broken.length;
console.log(`${report.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed === 0 && report.numPassedTests > 0 ? 0 : 1;
