import type { LedPattern } from '../base/protocol.ts';
import { isProvenDead } from './interlocks.ts';
import type { State } from './state.ts';

/** The pattern for what was measured, never for what was commanded (IEC 60073: the pattern carries the meaning). */
export function ledFor(state: State, now: number): LedPattern {
  if (state.presence.kind !== 'none') return 'double-blink-blue';
  if (state.latch.kind === 'fault') return 'triple-red';
  if (state.latch.kind === 'lockout') return 'fast-red';
  const { kind } = state.link;
  if (kind === 'proving' || kind === 'energised' || kind === 'connected') return 'slow-white';
  const attention = (state.report?.attention.length ?? 1) > 0 || state.rules.kind === 'waiting';
  return isProvenDead(state, now) && !attention ? 'steady-green' : 'slow-yellow';
}
