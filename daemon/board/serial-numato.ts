import { type Exchange, GOOD, PART, type Protocol, wrong } from './serial-protocol.ts';

/**
 * Numato USB relay modules (CDC ACM: any baud rate). A command line: `relay on N`, `relay off N`, `relay read N`, each
 * ended by CR. The module echoes the line, ends it, prints the state if asked (`on` or `off`, and a line end), and then
 * its prompt `>`. Line ends are LF CR; any mix of the two is taken for one.
 * Source: numato.com/docs/2-channel-usb-powered-relay-module and the vendor's samples (NumatoLab/NumatoIO_Python,
 * usb_relay/usbrelay_8.py). Relays from ten on are written A, B, C and so forth.
 *
 * `channel`: from 1; the module counts from 0.
 */
export function numato({ channel }: { readonly channel: number }): Protocol {
  const digit = (channel - 1).toString(36).toUpperCase();
  const command = (line: string, answers: Readonly<Record<string, boolean | undefined>>): Exchange => ({
    what: `"${line}"`,
    bytes: Buffer.from(`${line}\r`, 'latin1'),
    judge(heard) {
      const text = Buffer.from(heard)
        .toString('latin1')
        .replace(/[\r\n]+/g, '\n');
      for (const [answer, high] of Object.entries(answers)) {
        const whole = `${line}\n${answer}>`;
        if (text === whole) return high === undefined ? GOOD : { kind: 'good', high };
        if (whole.startsWith(text)) return PART;
      }
      return wrong('neither its echo nor an answer');
    },
  });
  return {
    name: 'Numato relay module',
    off: command(`relay off ${digit}`, { '': undefined }),
    on: [command(`relay on ${digit}`, { '': undefined })],
    read: command(`relay read ${digit}`, { 'on\n': true, 'off\n': false }),
    caveats: [
      'A Numato relay module is driven here without a timer: it keeps its relay energised when this machine dies or its cable is pulled and it has power from elsewhere.',
      'A Numato relay module puts no checksum on its answers: a flipped bit can pass for an answer.',
    ],
  };
}
