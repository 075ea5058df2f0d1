import type { Exchange, Protocol } from './serial-protocol.ts';

/**
 * LCUS-1, LCUS-2 and the like (CH340, 9600 8N1). The sellers' sheet: start byte A0, channel, 00 off or 01 on, and the
 * low byte of the sum of the three (`A0 01 01 A2` on, `A0 01 00 A1` off). It never answers.
 * Source: protocol table of the LC Technology USB switch, as printed at tilga.com/prod/5732195.
 *
 * `channel`: from 1, as printed on the board.
 */
export function lcus({ channel }: { readonly channel: number }): Protocol {
  return {
    name: 'LCUS relay board',
    off: command('the off command', channel, 0),
    on: [command('the on command', channel, 1)],
    caveats: [
      'An LCUS relay board cannot be read back and never answers: whether a command arrived is not known, and its silence is no sign of anything.',
      'An LCUS relay board has no timer: it keeps its relay energised when this machine dies or its cable is pulled and it has power from elsewhere.',
    ],
  };
}

function command(what: string, channel: number, state: 0 | 1): Exchange {
  return { what, bytes: Uint8Array.of(0xa0, channel, state, (0xa0 + channel + state) & 0xff) };
}
