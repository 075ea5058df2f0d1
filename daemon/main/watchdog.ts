import type { Clock } from '../base/clock.ts';
import { reasonOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';

/** With the turns of the loop at most 200, a third of the unit's WatchdogSec: two pings may get lost. */
const PING_MS = 150;

/**
 * Says that this process lives, and only when that has just been shown: called at the end of each turn of the gate's
 * loop, it pings if a read-back of the relay has been attempted and has ended, well or badly, since the last ping. A
 * mismatch keeps pinging (it is a fault, and a crash loop would hide it); a stuck loop or a stuck read-back does not.
 *
 * A ping that throws is tried again in the next turn, and told once: who waits for it in vain kills us, which is its say.
 */
export function watchdog(clock: Clock, board: { readonly attempts: number }, ping: () => void, log: Log): () => void {
  let seen = 0;
  let last = Number.NEGATIVE_INFINITY;
  let failing = false;
  return () => {
    const { attempts } = board;
    const now = clock.monotonic();
    if (attempts === seen || now - last < PING_MS) return;
    try {
      ping();
    } catch (error) {
      if (!failing) log.error('the watchdog could not be told', { error: reasonOf(error) });
      failing = true;
      return;
    }
    failing = false;
    seen = attempts;
    last = now;
  };
}
