const COLOURS = ['#2b6cb0', '#d69e2e', '#c53030'];
const LEFT = 60;
const WIDTH = 720;
const HEIGHT = 140;
/** Five buckets to each doubling, from 0.1 ms to 102.4 ms. */
const BUCKETS = 50;
const edge = (bucket: number) => 0.1 * 2 ** (bucket / 5);

/** Times in milliseconds, one picture below the other over the same logarithmic axis, as an SVG. */
export function histogram(series: readonly { readonly name: string; readonly values: readonly number[] }[]): string {
  const x = (bucket: number) => LEFT + (bucket / BUCKETS) * WIDTH;
  const parts = series.flatMap(({ name, values }, index) => {
    const top = 40 + index * (HEIGHT + 40);
    const counts = new Array<number>(BUCKETS).fill(0);
    for (const value of values) {
      const bucket = Math.max(0, Math.min(BUCKETS - 1, Math.floor(5 * Math.log2(value / 0.1))));
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    const most = Math.max(...counts, 1);
    const bars = counts.map((count, bucket) => {
      const height = (count / most) * HEIGHT;
      return `<rect x="${x(bucket).toFixed(1)}" y="${(top + HEIGHT - height).toFixed(1)}" width="${(WIDTH / BUCKETS - 1).toFixed(1)}" height="${height.toFixed(1)}" fill="${COLOURS[index % COLOURS.length]}"/>`;
    });
    const marks = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100].map((ms) => {
      const at = x(5 * Math.log2(ms / 0.1)).toFixed(1);
      return `<line x1="${at}" x2="${at}" y1="${top + HEIGHT}" y2="${top + HEIGHT + 4}" stroke="black"/><text x="${at}" y="${top + HEIGHT + 16}" text-anchor="middle">${ms}</text>`;
    });
    return [
      `<text x="${LEFT}" y="${top - 6}" font-weight="bold">${name} (${values.length} trips)</text>`,
      ...bars,
      ...marks,
    ];
  });
  const height = 40 + series.length * (HEIGHT + 40);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${LEFT + WIDTH + 40}" height="${height}" font-family="sans-serif" font-size="11">`,
    '<title>From the first byte of an alert to the relay being off</title>',
    '<rect width="100%" height="100%" fill="white"/>',
    `<text x="10" y="16">Milliseconds from the first byte of an alert to the relay being off; from ${edge(0)} to ${edge(BUCKETS).toFixed(0)} ms</text>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}
