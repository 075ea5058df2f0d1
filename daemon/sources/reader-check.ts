import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { DumpCheck } from './dump-checks.ts';
import { type ProgramSpec, run } from './program.ts';

/** A program reads the dump along, to its last byte, and judges it: the maker's own reader knows best what is whole. */
export function readerCheck(spec: ProgramSpec): DumpCheck {
  const ended = new AbortController();
  const pipe = new PassThrough();
  const reading = (async () => {
    for await (const _ of run({ ...spec, signal: AbortSignal.any([spec.signal, ended.signal]), input: pipe })) {
      // What it makes of the dump nobody needs.
    }
  })();
  // It may fail while nobody waits for it: who asks next is told.
  reading.catch(() => {});
  return {
    async take(chunk) {
      if (pipe.write(chunk)) return;
      const drained = new AbortController();
      try {
        await Promise.race([once(pipe, 'drain', { signal: drained.signal }), reading]);
      } finally {
        drained.abort();
      }
    },
    async end() {
      pipe.end();
      await reading;
    },
    async close() {
      ended.abort();
      pipe.destroy();
      await reading.catch(() => {});
    },
  };
}
