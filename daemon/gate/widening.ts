/**
 * What a proposed gate.json permits beyond the accepted one. Pure and total. What widens waits for a person at the box;
 * when in doubt, it widens.
 */
import { isDeepStrictEqual } from 'node:util';
import { durationText } from '../base/duration.ts';
import { REPORTED_PROOFS } from '../base/protocol.ts';
import { type Cron, parseCron } from '../schedule/cron.ts';
import type { WindowSpec } from '../schedule/window.ts';
import type { BoardConfig, GateConfig, Limits } from './config.ts';
import type { Rules } from './state.ts';

interface Widening {
  readonly what: string;
  /** With this hardware, or these files, the accepted rules cannot be kept either. */
  readonly wiring: boolean;
}

/** Whether `proposed` may be in force, or what it waits for a person for. `accepted` is undefined where nothing is. */
export function judgeRules(accepted: GateConfig | undefined, proposed: GateConfig): Rules {
  if (accepted === undefined)
    return { kind: 'waiting', reasons: ['No rules have been accepted on this box yet.'], blocks: true };
  const reasons = widenings(accepted, proposed);
  if (reasons.length === 0) return { kind: 'current' };
  return { kind: 'waiting', reasons, blocks: boardChanged(accepted, proposed) };
}

/** One sentence for each thing by which `proposed` permits more. */
export function widenings(accepted: GateConfig, proposed: GateConfig): string[] {
  return compare(accepted, proposed).map(({ what }) => what.slice(0, 500));
}

/** True where not even the accepted rules could be honoured as things are wired now: nothing may connect. */
export function boardChanged(accepted: GateConfig, proposed: GateConfig): boolean {
  return compare(accepted, proposed).some(({ wiring }) => wiring);
}

/**
 * True where what runs cannot take `proposed` over: the gate holds this hardware, these files and these sockets, and the
 * keeper reports these proofs.
 */
export function needsRestart(running: GateConfig, proposed: GateConfig): boolean {
  return (['board', 'reported', 'appliance', 'state', 'runtime'] as const).some(
    (key) => !isDeepStrictEqual(running[key], proposed[key]),
  );
}

function compare(accepted: GateConfig, proposed: GateConfig): Widening[] {
  return [
    ...compareBoards(accepted.board, proposed.board),
    ...(['appliance', 'state', 'runtime'] as const)
      .filter((key) => accepted[key] !== proposed[key])
      .map((key) => ({ what: `${PLACES[key]} is another one.`, wiring: key !== 'runtime' })),
    ...proposed.windows
      .filter((window) => !accepted.windows.some((other) => isWithin(window, other)))
      .map(({ name, cron, durationMs, timezone }) => ({
        what: `The window ${name} (${cron} in ${timezone}, for ${durationText(durationMs)}) lies in no accepted one.`,
        wiring: false,
      })),
    ...(Object.keys(LIMITS) as (keyof Limits)[]).flatMap((name) =>
      compareLimit(name, accepted.limits, proposed.limits),
    ),
    ...REPORTED_PROOFS.flatMap((proof): Widening[] => {
      const [was, is] = [accepted.reported[proof], proposed.reported[proof]];
      if (was === undefined || was === is) return [];
      const how = is === undefined ? 'no longer required' : `taken of ${is} instead of ${was}`;
      return [{ what: `The proof ${proof} is ${how}.`, wiring: false }];
    }),
  ];
}

const PLACES = {
  appliance: 'The appliance the rules are for',
  state: 'The directory of latch and budget',
  runtime: 'The directory of the sockets',
} as const;

/** How each limit is called in the configuration, and in which direction it permits more. */
const LIMITS: Readonly<Record<keyof Limits, { readonly key: string; readonly widens: 'up' | 'down' }>> = {
  leaseMs: { key: 'gate.lease', widens: 'up' },
  intakeLeaseMs: { key: 'gate.intakeLease', widens: 'up' },
  maxConnectionMs: { key: 'gate.maxConnection', widens: 'up' },
  maxConnections: { key: 'gate.maxConnections', widens: 'up' },
  maxConnectedMs: { key: 'gate.maxConnected', widens: 'up' },
  minOffMs: { key: 'gate.minOff', widens: 'down' },
  settleMs: { key: 'gate.settle', widens: 'up' },
  deviceTimeoutMs: { key: 'gate.deviceTimeout', widens: 'up' },
  presenceMs: { key: 'gate.presence', widens: 'up' },
  proofTestMs: { key: 'gate.proofTest', widens: 'up' },
};

function compareLimit(name: keyof Limits, accepted: Limits, proposed: Limits): Widening[] {
  const { key, widens } = LIMITS[name];
  const [from, to] = [accepted[name], proposed[name]];
  if (widens === 'up' ? to <= from : to >= from) return [];
  const say = name === 'maxConnections' ? String : durationText;
  return [{ what: `${key} ${widens === 'up' ? 'rises' : 'falls'} from ${say(from)} to ${say(to)}.`, wiring: false }];
}

/**
 * True where every moment of `window` provably lies in `other`: it opens only when the other does, by the same clocks,
 * and stays open no longer. One opening more, or a second more, is no longer provable here.
 */
function isWithin(window: WindowSpec, other: WindowSpec): boolean {
  if (window.timezone !== other.timezone || window.durationMs > other.durationMs) return false;
  if (window.cron === other.cron) return true;
  const [own, others] = [parseCron(window.cron), parseCron(other.cron)];
  return own.ok && others.ok && opensOnlyWith(own.cron, others.cron);
}

function opensOnlyWith(own: Cron, other: Cron): boolean {
  return (
    (['seconds', 'minutes', 'hours', 'months'] as const).every((field) => isPart(own[field], other[field])) &&
    hasOnlyDaysOf(own, other)
  );
}

function hasOnlyDaysOf(own: Cron, other: Cron): boolean {
  if (other.daysOfMonth.length === 31 && other.weekdays.length === 7) return true;
  const dates = isPart(own.daysOfMonth, other.daysOfMonth);
  const weekdays = isPart(own.weekdays, other.weekdays);
  // A day that must match both is one of the other's as soon as one of its two is enough there.
  return other.eitherDay && !own.eitherDay ? dates || weekdays : own.eitherDay === other.eitherDay && dates && weekdays;
}

function isPart(values: readonly number[], whole: readonly number[]): boolean {
  return values.every((value) => whole.includes(value));
}

type Hardware = Extract<BoardConfig, { driver: 'hardware' }>;

/** LED and buzzer permit nothing; contacts are compared one by one. Whatever else there is must stand here. */
type Part = Exclude<keyof Hardware, 'driver' | 'contacts' | 'led' | 'buzzer'>;
const PARTS: Readonly<Record<Part, string>> = {
  relay: 'The relay',
  relay2: 'The second relay',
  device: 'The device behind the link',
  button: 'The button',
  supply: "The sensing of the coils' supply",
  heartbeat: 'The heartbeat',
  uplink: 'The uplink',
};

function compareBoards(accepted: BoardConfig, proposed: BoardConfig): Widening[] {
  const wired = (what: string): Widening => ({ what, wiring: true });
  if (accepted.driver === 'simulated' && proposed.driver === 'simulated') {
    return [
      ...(accepted.directory === proposed.directory
        ? []
        : [wired('The directory of the simulated board is another one.')]),
      ...(accepted.vault === proposed.vault ? [] : [wired('The vault behind the simulated board is another one.')]),
      ...(accepted.uplink === true && proposed.uplink !== true ? [wired('The uplink is removed.')] : []),
    ];
  }
  if (accepted.driver !== 'hardware' || proposed.driver !== 'hardware')
    return [wired(`The board is ${proposed.driver} instead of ${accepted.driver}.`)];
  return [
    ...(Object.keys(PARTS) as Part[]).flatMap((part) => {
      const [was, is] = [accepted[part], proposed[part]];
      // A part more only adds to what must hold; but for the button, which is what presence is given with.
      if (isDeepStrictEqual(was, is) || (was === undefined && part !== 'button')) return [];
      const how = was === undefined ? 'added' : is === undefined ? 'removed' : 'changed';
      return [wired(`${PARTS[part]} is ${how}.`)];
    }),
    ...accepted.contacts.flatMap((contact, index) => {
      const is = proposed.contacts[index];
      if (isDeepStrictEqual(contact, is)) return [];
      return [wired(`Contact ${index + 1} is ${is === undefined ? 'removed' : 'changed'}.`)];
    }),
  ];
}
