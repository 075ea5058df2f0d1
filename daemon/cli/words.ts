import { durationText } from '../base/duration.ts';
import type { Heartbeat } from '../config/heartbeat.ts';

/** Bytes for people: 1536 → `1.5 KiB`. */
export function amount(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** A span of milliseconds for people: `45 s`, `3 min`, `7 h`, `12 d`. */
export function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** Rows under a heading, columns as wide as they need. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heading.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return `${[heading, ...rows].map(line).join('\n')}\n`;
}

/** What is expected of an alert source, and what its silence does: `every 5m, silence: degrade after 3d`. */
export function heartbeatWords(heartbeat: Heartbeat | undefined): string {
  if (heartbeat === undefined) return 'no heartbeat: nobody would notice its silence';
  const { everyMs, silence, afterMs } = heartbeat;
  const after = silence === 'degrade' ? ` after ${durationText(afterMs)}` : '';
  return `every ${durationText(everyMs)}, silence: ${silence}${after}`;
}

/** What came from outside commands no terminal. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, '?');
}
