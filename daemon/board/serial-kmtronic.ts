import { beginsLike, type Exchange, PART, type Protocol, wrong } from './serial-protocol.ts';

/**
 * KMTronic USB relay, one or two channels (9600 8N1): `FF ch 01` on, `FF ch 00` off, neither answered; `FF ch 03` asks,
 * and the answer is `FF ch xx` with xx 01 on or 00 off.
 * Source: info.kmtronic.com/kmtronic-usb-relay-test-software.html. (Boards of four and eight answer another question,
 * `FF 09 00`, with bare bytes: they are not supported.)
 *
 * `channel`: from 1, as printed on the board.
 */
export function kmtronic({ channel }: { readonly channel: number }): Protocol {
  const command = (what: string, code: number): Exchange => ({ what, bytes: Uint8Array.of(0xff, channel, code) });
  return {
    name: 'KMTronic relay board',
    off: command('the off command', 0),
    on: [command('the on command', 1)],
    read: {
      ...command('the status request', 3),
      judge(heard) {
        if (heard.length > 3 || !beginsLike(heard, [0xff, channel])) return wrong(`not a status of channel ${channel}`);
        const state = heard[2];
        if (state === undefined) return PART;
        return state > 1 ? wrong('a status is 00 or 01') : { kind: 'good', high: state === 1 };
      },
    },
    caveats: [
      'A KMTronic relay board has no timer: it keeps its relay energised when this machine dies or its cable is pulled and it has power from elsewhere.',
      'A KMTronic relay board puts no checksum on its answers: a flipped bit can pass for an answer.',
    ],
  };
}
