import type { Clock } from '../base/clock.ts';
import { PortcullisError } from '../base/errors.ts';
import { sourceError } from './failure.ts';
import { type Environment, run } from './program.ts';
import type { Source } from './source.ts';

export interface CommandOptions {
  readonly name: string;
  /** Program and arguments, run without a shell. */
  readonly command: readonly string[];
  /** Name of the one file in the snapshot. */
  readonly file: string;
  readonly timeoutMs: number;
  readonly environment: Environment;
  readonly clock: Clock;
}

/**
 * What a program prints, as one file of the snapshot. The program starts when the file is read. The file ends well only
 * if the program exited with status 0, let go of its output and printed something: an empty dump is not a backup.
 * Everything else rejects with `source.failed`, or `source.stopped` when the signal did it.
 */
export function commandSource(options: CommandOptions): Source {
  const { name, command, file, timeoutMs, environment, clock } = options;

  async function* output(signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
    let empty = true;
    try {
      for await (const chunk of run({ command, environment, signal, clock, timeoutMs })) {
        empty = false;
        yield chunk;
      }
    } catch (error) {
      throw sourceError(`Source ${name}`, error, signal);
    }
    if (empty)
      throw new PortcullisError('source.failed', `Source ${name}: ${command[0]} succeeded but printed nothing.`);
  }

  return {
    async pull({ signal }) {
      return {
        entries: (async function* () {
          yield {
            kind: 'file' as const,
            path: Buffer.from(file),
            mode: 0o600,
            mtimeNs: BigInt(Math.trunc(clock.wall())) * 1_000_000n,
            uid: process.getuid?.() ?? 0,
            gid: process.getgid?.() ?? 0,
            content: { from: 'stream' as const, open: () => output(signal) },
          };
        })(),
        facts: { program: command[0] },
      };
    },
  };
}
