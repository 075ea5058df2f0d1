import { getSystemErrorName } from 'node:util';
import { reasonOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';

const MCL_CURRENT = 1;
const MCL_FUTURE = 2;
/** What is never touched is never loaded: Node reserves far more than it uses. */
const MCL_ONFAULT = 4;

/**
 * Keeps what this process has touched in memory, so that no page has to be fetched from a slow card between two edges of
 * the heartbeat. Needs a unit that permits it (LimitMEMLOCK), and is asked for by the unit: where the limit is met later,
 * the process would get no more memory. Without it everything works, only less punctually, so failing is told and no more.
 */
export async function lockMemory(log: Log): Promise<void> {
  try {
    const koffi = (await import('koffi')).default;
    const mlockall = koffi.load(null).func('int mlockall(int flags)');
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
      throw new Error(`mlockall: ${getSystemErrorName(-koffi.errno())}`);
  } catch (error) {
    log.warn('memory is not locked: the heartbeat may be late under load', { error: reasonOf(error) });
  }
}
