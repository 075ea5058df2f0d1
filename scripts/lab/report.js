/** Prints what the lab expected and measured: `report.js FILE`, rows first, the test runner's own report as the last line. */
import { readFileSync } from 'node:fs';

const lines = readFileSync(process.argv[2] ?? '', 'utf8')
  .split('\n')
  .filter(Boolean)
  .map((line) => JSON.parse(line));
const report = lines.find((line) => 'testResults' in line);
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

for (const file of report?.testResults ?? []) {
  const failed = file.assertionResults.filter((test) => test.status === 'failed');
  if (file.status === 'failed' && failed.length === 0) console.log(`FAILED ${file.name}: ${file.message}`);
  for (const test of failed) console.log(`FAILED ${test.fullName}: ${test.failureMessages.join('\n')}`);
}
console.log(
  report === undefined
    ? 'The lab did not come to its end.'
    : `lab: ${report.numPassedTests} passed, ${report.numFailedTests} failed, ${report.numPendingTests} skipped`,
);
const whole = report?.success && report.numPassedTests > 0 && report.numPendingTests === 0 && rows.length > 1;
process.exitCode = whole ? 0 : 1;
