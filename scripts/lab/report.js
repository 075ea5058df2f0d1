/**
 * Prints what the lab expected and measured: `report.js RESULTS ENDINGS`, rows first, then what failed; the last line
 * counts the tests and the endings of the machine together.
 */
import { existsSync, readFileSync } from 'node:fs';

const lines = process.argv
  .slice(2)
  .filter((file) => existsSync(file))
  .flatMap((file) => readFileSync(file, 'utf8').split('\n'))
  .filter(Boolean)
  .map((line) => JSON.parse(line));
const report = lines.find((line) => 'testResults' in line);
const endings = lines.filter((line) => 'ending' in line);
const rows = [['scenario', 'expected', 'measured']];
for (const line of lines) if ('scenario' in line) rows.push([line.scenario, line.expected, line.measured]);
const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column].length)));
for (const row of rows)
  console.log(
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join(' | ')
      .trimEnd(),
  );

// A file that fails before its first test, or in a hook around them, has no failed test to count, yet it failed.
let broken = 0;
for (const file of report?.testResults ?? []) {
  const failed = file.assertionResults.filter((test) => test.status === 'failed');
  if (file.status === 'failed' && failed.length === 0) {
    console.log(`FAILED ${file.name}: ${file.message}`);
    broken += 1;
  }
  for (const test of failed) console.log(`FAILED ${test.fullName}: ${test.failureMessages.join('\n')}`);
}
for (const { ending, held } of endings) if (!held) console.log(`FAILED ${ending}`);
if (report === undefined && process.env.LAB_ONLY !== 'endings') console.log('The tests did not come to their end.');

const held = endings.filter((ending) => ending.held).length;
const passed = (report?.numPassedTests ?? 0) + held;
const failed =
  (report?.numFailedTests ?? (process.env.LAB_ONLY === 'endings' ? 0 : 1)) + broken + endings.length - held;
const skipped = report?.numPendingTests ?? 0;
console.log(`lab: ${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = passed > 0 && failed === 0 && skipped === 0 && rows.length > 1 ? 0 : 1;
