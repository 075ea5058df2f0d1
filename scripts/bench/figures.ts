/** The middle one; of an even number, the lower of the two in the middle. */
export function median(figures: readonly number[]): number {
  return [...figures].sort((a, b) => a - b)[Math.floor((figures.length - 1) / 2)] ?? Number.NaN;
}

/** A Markdown table of medians: a row for each thing that was done, a column for each who did it, and how ours compares. */
export function table(rows: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>): string {
  const who = [
    'portcullis',
    'portcullis 128M',
    'restic',
    'borg',
    'dd conv=fsync',
    'dd conv=fsync, then dd iflag=direct',
  ].filter((one) => Object.values(rows).some((row) => row[one] !== undefined));
  const lines = Object.entries(rows).map(([what, row]) => {
    const cells = who.map((one) => (row[one] === undefined ? '' : show(median(row[one] ?? []))));
    const ours = median(row['portcullis'] ?? []);
    const ratio = row['restic'] === undefined ? '' : (ours / median(row['restic'])).toFixed(2);
    return `| ${[what, ...cells, ratio].join(' | ')} |`;
  });
  return [
    `| | ${who.join(' | ')} | ratio to restic |`,
    `|---|${who.map(() => '---:|').join('')}---:|`,
    ...lines,
    '',
  ].join('\n');
}

function show(figure: number): string {
  return figure >= 100 ? figure.toFixed(0) : figure.toFixed(2);
}
