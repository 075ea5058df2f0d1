import type { Clock } from '../base/clock.ts';

/** Resolves after `ms` milliseconds of `clock`; rejects with the signal's reason as soon as it is aborted. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const stop = () => {
      cancel();
      reject(signal.reason as Error);
    };
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
    signal.addEventListener('abort', stop, { once: true });
  });
}

/** `act` of every item, in their order, up to `width` of them under way. Rejects as `act` does. */
export async function* ahead<T, R>(
  items: AsyncIterable<T>,
  width: number,
  act: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const waiting: Promise<R>[] = [];
  for await (const item of items) {
    const result = act(item);
    // Whoever waits for its turn hears of it; until then nobody does.
    result.catch(() => {});
    waiting.push(result);
    if (waiting.length >= width) yield await (waiting.shift() as Promise<R>);
  }
  for (const result of waiting) yield await result;
}
