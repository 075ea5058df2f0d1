/** `accepted` with the nearest of `choices` in front, when `found` looks like a slip of it. */
export function suggest(found: unknown, choices: readonly string[], accepted: string): string {
  const near = typeof found === 'string' ? nearest(found, choices) : undefined;
  return near === undefined ? accepted : `${accepted} (did you mean ${near}?)`;
}

/** The choice at most two slips away, fewer for short words; undefined when there is none. */
function nearest(word: string, choices: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[\s_-]/g, '');
  let best: string | undefined;
  let least = Math.min(2, Math.floor(word.length / 3)) + 1;
  for (const choice of choices) {
    const away = slips(plain(word), plain(choice));
    if (away >= least) continue;
    best = choice;
    least = away;
  }
  return best;
}

/** Letters to insert, drop, replace or swap with their neighbour to turn `a` into `b`. */
function slips(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, index) => index)];
  const cell = (row: number, column: number) => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i++) {
    rows.push([i]);
    for (let j = 1; j <= b.length; j++) {
      const swapped =
        a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? cell(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY;
      const replaced = cell(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      rows[i]?.push(Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, replaced, swapped));
    }
  }
  return cell(a.length, b.length);
}
