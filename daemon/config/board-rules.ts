import { BlockList } from 'node:net';
import type { Finding } from './fault.ts';
import { type Place, pathText } from './place.ts';
import type { Readable } from './readable.ts';

/** What this machine says of its network, as far as it bears on the uplink. */
export interface NetworkFacts {
  /** Addresses by interface; an interface that is not there has no key. */
  readonly addresses: Readonly<Record<string, readonly string[]>>;
  /** Interfaces of the default routes that are taken, by address family. */
  readonly defaultRoutes: readonly string[];
  /** The time servers that are known, and the interface by which each is reached. */
  readonly timeServers: readonly { readonly server: string; readonly interface: string }[];
  /** What could not be found out, each a whole sentence. */
  readonly unknown: readonly string[];
}

type Board = NonNullable<Readable['board']>;
type Hardware = Extract<Board, { driver: 'hardware' }>;
type Line = { readonly place: Place; readonly part: Hardware['relay'] | Hardware['contacts'][number] };

/** What the parts of a board must have in common; and what must not sit behind its uplink, as far as the file tells. */
export function boardRules({ board, intake }: Readable): Finding[] {
  const lines = board?.driver === 'hardware' ? linesOf(board) : [];
  return [...sharedLines(lines), ...pulledUp(lines), ...sameInterface(board), ...intakeEverywhere(board, intake)];
}

/** What sits behind the uplink on this very machine: intake's address, or the way to the time. */
export function behindUplink(
  { appliance, board, intake }: Pick<Readable, 'appliance' | 'board' | 'intake'>,
  network: NetworkFacts,
): Finding[] {
  const name = board?.driver === 'hardware' ? board.uplink?.interface : undefined;
  if (name === undefined) return [];
  const findings: Finding[] = [];
  const addresses = network.addresses[name] ?? [];
  if (intake !== undefined && addresses.some((address) => isSame(address, intake.host)))
    findings.push({
      place: ['intake', 'host'],
      found: `${JSON.stringify(intake.host)}, an address of the uplink's interface ${name}`,
      accepted: 'an address of another interface: alerts must arrive while the uplink is isolated',
    });
  const way = timeBehind(name, network);
  if (appliance?.clock === 'synchronised' && way !== undefined)
    findings.push({
      place: ['appliance', 'clock'],
      found: `"synchronised", and ${way} through the uplink's interface ${name}`,
      accepted: 'a way to the time that does not depend on the uplink, such as a time server on another interface',
    });
  return findings;
}

/** The first way to the time that goes through `name`. Where time servers are known they decide, else the default route. */
function timeBehind(name: string, { timeServers, defaultRoutes }: NetworkFacts): string | undefined {
  const server = timeServers.find((each) => each.interface === name);
  if (server !== undefined) return `time server ${server.server} is reached`;
  return timeServers.length === 0 && defaultRoutes.includes(name) ? 'the default route goes' : undefined;
}

/** The carrier tells of the vault's cable; the uplink's is another door's. */
function sameInterface(board: Board | undefined): Finding[] {
  if (board?.driver !== 'hardware' || board.carrier === undefined || board.carrier !== board.uplink?.interface)
    return [];
  return [
    {
      place: ['board', 'carrier'],
      found: `${JSON.stringify(board.carrier)}, which is the uplink's interface`,
      accepted: 'the interface at which the switched cable of the vault ends',
    },
  ];
}

function linesOf(board: Hardware): Line[] {
  const { relay, relay2, contacts, led, button, buzzer, supply, heartbeat, uplink } = board;
  const single = { relay, relay2, led: undefined, button, buzzer, supply, heartbeat };
  const lights = led === undefined ? [] : 'red' in led ? Object.entries(led) : [[undefined, led] as const];
  const at = (place: Place, part: Line['part'] | undefined): Line[] => (part === undefined ? [] : [{ place, part }]);
  return [
    ...Object.entries(single).flatMap(([key, part]) => at(['board', key], part)),
    ...contacts.flatMap((part, index) => at(['board', 'contacts', index], part)),
    ...lights.flatMap(([key, part]) => at(key === undefined ? ['board', 'led'] : ['board', 'led', key], part)),
    ...at(['board', 'uplink', 'relay'], uplink?.relay),
    ...at(['board', 'uplink', 'contact'], uplink?.contact),
  ];
}

/** Two parts on one line move together. A serial port is one program's, and one board's: it is opened only once. */
function sharedLines(lines: readonly Line[]): Finding[] {
  const first = new Map<string, Place>();
  return lines.flatMap(({ place, part }): Finding[] => {
    const serial = part.driver === 'serial';
    const name = serial ? `port ${part.port}` : `line ${part.line} of ${part.chip}`;
    const before = first.get(name);
    if (before === undefined) {
      first.set(name, place);
      return [];
    }
    return [
      {
        place: [...place, serial ? 'port' : 'line'],
        found: `${name}, which is that of ${pathText(before)} already`,
        accepted: serial ? 'a serial port that no other relay has' : 'a line that no other part has',
      },
    ];
  });
}

/** The lowest line that a Raspberry Pi pulls down from reset on. */
const FIRST_PULLED_DOWN = 9;

function pulledUp(lines: readonly Line[]): Finding[] {
  return lines.flatMap(({ place, part }): Finding[] => {
    const isRelay = ['relay', 'relay2'].includes(String(place.at(-1)));
    if (!isRelay || part.driver === 'serial' || part.line >= FIRST_PULLED_DOWN) return [];
    if (!/^pinctrl-(bcm|rp1)/.test(part.chip)) return [];
    return [
      {
        place: [...place, 'line'],
        found: `${part.line}, which a Raspberry Pi pulls up from reset on: the relay would be energised before anything runs`,
        accepted: `a line from ${FIRST_PULLED_DOWN} on, which it pulls down`,
      },
    ];
  });
}

function intakeEverywhere(board: Readable['board'], intake: Readable['intake']): Finding[] {
  if (board?.uplink === undefined || board.uplink === false || intake === undefined) return [];
  if (!isSame(intake.host, '0.0.0.0') && !isSame(intake.host, '::')) return [];
  return [
    {
      place: ['intake', 'host'],
      found: `${JSON.stringify(intake.host)}, which is every interface, that of the uplink too`,
      accepted: 'an address of an interface that does not sit behind the uplink',
    },
  ];
}

/** Whether two texts are the same IP address, however each is written. */
function isSame(one: string, other: string): boolean {
  const family = (text: string) => (text.includes(':') ? 'ipv6' : 'ipv4');
  const addresses = new BlockList();
  try {
    // A link-local address carries its interface after a percent sign.
    addresses.addAddress(one.replace(/%.*$/, ''), family(one));
    return addresses.check(other.replace(/%.*$/, ''), family(other));
  } catch {
    return one === other;
  }
}
