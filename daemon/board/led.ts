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
  const period = spans.reduce((sum, span) => sum + span, 0);
  if (period === 0) return colour;
  let left = ((elapsedMs % period) + period) % period;
  for (const [index, span] of spans.entries()) {
    if (left < span) return index % 2 === 0 ? colour : undefined;
    left -= span;
  }
  return undefined;
}

/** Which of the three lines of an RGB LED light for a colour. */
export const RGB: Readonly<Record<Colour, readonly ('red' | 'green' | 'blue')[]>> = {
  green: ['green'],
  white: ['red', 'green', 'blue'],
  yellow: ['red', 'green'],
  blue: ['blue'],
  red: ['red'],
};
