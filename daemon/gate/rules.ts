import { PortcullisError } from '../base/errors.ts';
import { REPORTED_PROOFS, type ReportedProof } from '../base/protocol.ts';
import { parseWindow, type Window, windowAt } from '../schedule/window.ts';
import type { GateConfig, Limits } from './config.ts';
import type { Calendar } from './state.ts';

/** The rules the gate goes by: what `transition` is given, and what the calendar is read from. */
export interface RulesInForce {
  readonly limits: Limits;
  readonly reported: readonly ReportedProof[];
  readonly windows: readonly Window[];
}

/** Throws `config.gate` where a window cannot be read. */
export function rulesOf({ limits, reported, windows }: GateConfig): RulesInForce {
  return {
    limits,
    reported: REPORTED_PROOFS.filter((proof) => reported[proof] !== undefined),
    windows: windows.map((spec) => {
      const parsed = parseWindow(spec);
      if (parsed.ok) return parsed.window;
      const faults = parsed.faults.map(({ key, found }) => `${key} ${found}`).join(', ');
      throw new PortcullisError('config.gate', `The window ${spec.name} cannot be read: ${faults}.`);
    }),
  };
}

/**
 * The window that contains `wall`; where several do, the one that ends last, so that their order in the file, which no
 * comparison of rules looks at, permits nothing.
 */
export function currentWindow(windows: readonly Window[], wall: number): Calendar['window'] {
  let last: Calendar['window'];
  for (const window of windows) {
    const at = windowAt(window, wall);
    if (at !== undefined && at.endWall > (last?.endsWall ?? 0)) last = { name: window.name, endsWall: at.endWall };
  }
  return last;
}
