const COLOURS = { portcullis: '#2b6cb0', restic: '#a0aec0', borg: '#d69e2e' } as const;
type Who = keyof typeof COLOURS;
const ROW = 18;
const LEFT = 150;
const SCALE = 220;

/** Bars of time relative to restic, by corpus and by what was done: shorter is faster. */
export function chart(
  figures: Readonly<Record<string, Readonly<Record<string, Readonly<Record<Who, number>>>>>>,
): string {
  const parts: string[] = [];
  let y = 30;
  const text = (x: number, at: number, said: string, more = '') => `<text x="${x}" y="${at}"${more}>${said}</text>`;
  for (const [corpus, rows] of Object.entries(figures)) {
    parts.push(text(10, y, corpus, ' font-weight="bold"'));
    y += ROW;
    for (const [what, row] of Object.entries(rows)) {
      parts.push(text(10, y + 10, what));
      for (const [who, ratio] of Object.entries(row) as [Who, number][]) {
        if (!Number.isFinite(ratio)) continue;
        const width = Math.min(3, ratio) * SCALE;
        parts.push(
          `<rect x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 6}" fill="${COLOURS[who]}"/>`,
        );
        parts.push(text(LEFT + width + 6, y + 10, `${who} ${ratio.toFixed(2)}`));
        y += ROW - 4;
      }
      y += 8;
    }
    y += 10;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${LEFT + 3 * SCALE + 140}" height="${y}" font-family="sans-serif" font-size="11">`,
    '<title>Time of each task relative to restic</title>',
    '<rect width="100%" height="100%" fill="white"/>',
    text(10, 14, 'Time relative to restic (1.00); shorter is faster'),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}
