import type { LedPattern } from '../base/protocol.ts';
import type { State } from './state.ts';

/** Readings older than this prove nothing. */
export const STALE_MS = 1000;

/** The pattern for what was measured, never for what was commanded (IEC 60073: the pattern carries the meaning). */
export function ledFor(state: State, now: number): LedPattern {
  if (state.presence.kind !== 'none') return 'double-blink-blue';
  if (state.latch.kind === 'fault') return 'triple-red';
  if (state.latch.kind === 'lockout') return 'fast-red';
  if (state.link.kind === 'energised' || state.link.kind === 'connected') return 'slow-white';
  return isProvenDead(state, now) && (state.report?.attention.length ?? 1) === 0 ? 'steady-green' : 'slow-yellow';
}

/** At least one proof says dead, none says otherwise, and the reading is fresh. */
export function isProvenDead(state: State, now: number): boolean {
  const { contact, device, at } = state.readings;
  const readings = [contact, device];
  return (
    now - at < STALE_MS && state.link.kind !== 'isolating' && readings.includes('dead') && !readings.includes('alive')
  );
}
