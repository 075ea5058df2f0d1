import { appendFileSync } from 'node:fs';

/** A row of the lab's table. */
export function row(scenario: string, expected: string, measured: string): void {
  const file = process.env['LAB_ROWS'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ scenario, expected, measured })}\n`);
}

export interface Spread {
  readonly median: number;
  readonly worst: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN, worst: sorted.at(-1) ?? Number.NaN };
}

/** For example `median 1.2 ms, worst 3.4 ms of 50`. */
export function figures(values: readonly number[]): string {
  const { median, worst } = spread(values);
  return `median ${median.toFixed(1)} ms, worst ${worst.toFixed(1)} ms of ${values.length}`;
}
