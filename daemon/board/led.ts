import type { LedPattern } from '../base/protocol.ts';

export type Colour = 'green' | 'white' | 'yellow' | 'blue' | 'red';

/** One pattern: its colour where the LED has one, and how long it is lit and dark in turn, ms. Empty: steadily lit. */
interface Blink {
  readonly colour: Colour;
  readonly spans: readonly number[];
}

/** IEC 60073: the pattern carries the meaning, the colour repeats it where the LED is RGB. */
const BLINKS: Readonly<Record<Exclude<LedPattern, 'dark'>, Blink>> = {
  'steady-green': { colour: 'green', spans: [] },
  'slow-white': { colour: 'white', spans: [1000, 1000] },
  'slow-yellow': { colour: 'yellow', spans: [500, 1500] },
  'double-blink-blue': { colour: 'blue', spans: [150, 150, 150, 1050] },
  'fast-red': { colour: 'red', spans: [125, 125] },
  'triple-red': { colour: 'red', spans: [150, 150, 150, 150, 150, 750] },
};

/** The colour shown `elapsedMs` after the pattern began, or undefined while dark. Pure. */
export function lightOf(pattern: LedPattern, elapsedMs: number): Colour | undefined {
  if (pattern === 'dark') return undefined;
  const { colour, spans } = BLINKS[pattern];
  return spans.length === 0 || isOn(spans, elapsedMs) ? colour : undefined;
}

/** Whether the first, third … of spans that repeat for ever is running at `elapsedMs`. */
function isOn(spans: readonly number[], elapsedMs: number): boolean {
  const period = total(spans);
  let left = ((elapsedMs % period) + period) % period;
  for (const [index, span] of spans.entries()) {
    if (left < span) return index % 2 === 0;
    left -= span;
  }
  return false;
}

function total(spans: readonly number[]): number {
  return spans.reduce((sum, span) => sum + span, 0);
}

/** Which of the three lines of an RGB LED light for a colour. */
export const RGB: Readonly<Record<Colour, readonly ('red' | 'green' | 'blue')[]>> = {
  green: ['green'],
  white: ['red', 'green', 'blue'],
  yellow: ['red', 'green'],
  blue: ['blue'],
  red: ['red'],
};

/** How long an alarm sounds without pause, and how often it is repeated after that. */
const ALARM_MS = 60_000;

/** One sound: how long it sounds and is silent in turn, ms. */
const ALARMS: Partial<Readonly<Record<LedPattern, readonly number[]>>> = {
  'fast-red': [500, 500],
  'triple-red': [150, 150, 150, 150, 150, 1250],
};
/** A person is waited for. */
const TICK: readonly number[] = [50, 2950];

/**
 * Whether the buzzer sounds `elapsedMs` after the pattern began: lockout and fault for a minute, each in its own rhythm,
 * then once a minute; a short tick while a request waits for the button; silent otherwise. Pure.
 */
export function soundOf(pattern: LedPattern, elapsedMs: number): boolean {
  if (pattern === 'double-blink-blue') return isOn(TICK, elapsedMs);
  const alarm = ALARMS[pattern];
  if (alarm === undefined) return false;
  return elapsedMs < ALARM_MS
    ? isOn(alarm, elapsedMs)
    : isOn([...alarm.slice(0, -1), ALARM_MS - total(alarm.slice(0, -1))], elapsedMs);
}
