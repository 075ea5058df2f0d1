import { protocolOf, type SerialBoard } from './serial-boards.ts';

/** The file that the off-helper reads when it is told no other, and the name it has beside the configuration. */
export const RELAY_OFF_FILE = '/etc/portcullis/relay-off.env';
export const RELAY_OFF_NAME = 'relay-off.env';

type Relay =
  | { readonly driver: 'gpiochip' | 'onoff'; readonly chip: string; readonly line: number }
  | {
      readonly driver: 'serial';
      readonly port: string;
      readonly model: SerialBoard['model'];
      readonly channel: number;
      readonly address?: number | undefined;
      readonly checksum?: boolean | undefined;
    };

/** The board section, as far as it matters here. */
export interface RelaysOfBoard {
  readonly relay: Relay;
  readonly relay2?: Relay | undefined;
  readonly uplink?: { readonly relay: Relay } | undefined;
}

/** What `systemd/portcullis-relay-off` reads: every relay of this board, the uplink's too. Throws `gate.board` as `protocolOf`. */
export function relayOffFile(board: RelaysOfBoard): string {
  const lines = [
    '# Written by `portcullis config apply`: what portcullis-relay-off drives off when the gate has ended, however it ended.',
    '# CHIP_LABEL is that of the LINE entries after it. SERIAL is what is sent, then to which port.',
  ];
  let label: string | undefined;
  for (const relay of relaysOf(board)) {
    if (relay.driver === 'serial') lines.push(`SERIAL=${octal(offBytes(relay))} ${relay.port}`);
    else {
      if (relay.chip !== label) lines.push(`CHIP_LABEL=${relay.chip}`);
      label = relay.chip;
      lines.push(`LINE=${relay.line}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** The same, and what `before` names besides: while the gate that runs may still drive those. */
export function relayOffFileKeeping(board: RelaysOfBoard, before: string): string {
  const file = relayOffFile(board);
  const named = entriesOf(file);
  const others = entriesOf(before).filter((entry) => !named.includes(entry));
  if (others.length === 0) return file;
  const lines = others.map((entry) => {
    const [label, line] = entry.split(' ');
    return entry.startsWith('SERIAL=') ? entry : `CHIP_LABEL=${label}\nLINE=${line}`;
  });
  return `${file}# Of the board before, which a gate that still runs may drive: restart it, then apply again.\n${lines.join('\n')}\n`;
}

/** Whether a file that the off-helper reads names every relay of this board. Other relays in it do no harm. */
export function namesAllRelays(file: string, board: RelaysOfBoard): boolean {
  const named = new Set(entriesOf(file));
  return entriesOf(relayOffFile(board)).every((entry) => named.has(entry));
}

/** As the helper understands it: `LABEL NUMBER`, or `SERIAL=…`. */
function entriesOf(file: string): string[] {
  let label = '';
  return file.split('\n').flatMap((entry) => {
    const [key, value = ''] = [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)];
    if (key === 'CHIP_LABEL') label = value;
    if (key === 'LINE' || key === 'LINE2') return [`${label} ${value}`];
    return key === 'SERIAL' ? [entry] : [];
  });
}

function relaysOf({ relay, relay2, uplink }: RelaysOfBoard): Relay[] {
  return [relay, relay2, uplink?.relay].flatMap((each) => (each === undefined ? [] : [each]));
}

function offBytes({ model, channel, address, checksum }: Extract<Relay, { driver: 'serial' }>): Uint8Array {
  return protocolOf({
    model,
    channel,
    ...(address === undefined ? {} : { address }),
    ...(checksum === undefined ? {} : { checksum }),
  }).off.bytes;
}

/** As printf of every shell takes it: `\240\001\000\241`. */
function octal(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
}
