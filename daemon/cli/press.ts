import type { Context } from './command.ts';

/** Tells whoever waits to press the button; on a terminal it counts the seconds down until `over`. */
export function askForPress(context: Context, json: boolean): { pending(until: number): void; over(): void } {
  let cancel = () => {};
  const say = (until: number) => {
    const seconds = Math.max(0, Math.round((until - context.clock.monotonic()) / 1000));
    return `Press the button at the box within ${seconds} s: its LED blinks blue twice. Ctrl-C withdraws the request.`;
  };
  return {
    pending(until) {
      if (json) return;
      context.out(say(until));
      if (!context.terminal) {
        context.out('\n');
        return;
      }
      // Over the line that stands there, of which at most a digit is left over.
      const stop = context.clock.every(1000, () => context.out(`\r${say(until)} `));
      cancel = () => {
        stop();
        context.out('\n');
      };
    },
    over: () => cancel(),
  };
}
