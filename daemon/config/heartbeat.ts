import { durationMs } from '../base/duration.ts';

/** What is expected of an alert source, and what its silence does. */
export interface Heartbeat {
  readonly everyMs: number;
  readonly silence: 'block' | 'warn' | 'degrade';
  /** For how much silence `degrade` blocks, ms. */
  readonly afterMs: number;
}

const AFTER = '3d';

/** As the configuration has it. */
interface Configured {
  readonly every: string;
  readonly silence: Heartbeat['silence'];
  readonly after?: string | undefined;
}

/** Undefined for a source whose silence nobody would notice. */
export function heartbeatOf({
  heartbeat,
}: {
  readonly heartbeat?: Configured | 'none' | undefined;
}): Heartbeat | undefined {
  if (heartbeat === undefined || heartbeat === 'none') return undefined;
  const { every, silence, after = AFTER } = heartbeat;
  return { everyMs: durationMs(every) ?? 0, silence, afterMs: durationMs(after) ?? 0 };
}
