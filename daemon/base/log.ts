import { isoTime } from './clock.ts';
import { reasonOf } from './errors.ts';

export type Level = 'debug' | 'info' | 'warn' | 'error';

/** Structured log: one JSON object a line. Secrets and payloads never go in; `Secret` prints redacted if one slips. */
export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
}

export type Fields = Readonly<Record<string, unknown>>;

const ORDER: Record<Level, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/**
 * A log that hands each line to `write`. `unit` names the process (gate, keeper …).
 * An Error among the fields is written as its one-line reason.
 */
export function createLog(
  unit: string,
  wall: () => number,
  write: (line: string) => void,
  threshold: Level = 'info',
): Log {
  const at =
    (level: Level) =>
    (message: string, fields: Fields = {}) => {
      if (ORDER[level] < ORDER[threshold]) return;
      const plain = Object.fromEntries(
        Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? reasonOf(value) : value]),
      );
      write(`${JSON.stringify({ time: isoTime(wall()), level, unit, message, ...plain })}\n`);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
