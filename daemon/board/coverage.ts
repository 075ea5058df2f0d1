/** What drops the relay when the software cannot: pure, from what is configured and what was found on this very box. */

interface Part {
  readonly driver: string;
  readonly model?: string;
  readonly spare?: number | undefined;
}

/** The board section, as far as it matters here. */
export type Wiring =
  | { readonly driver: 'simulated' }
  | {
      readonly driver: 'hardware';
      readonly relay: Part;
      readonly relay2?: Part | undefined;
      readonly contacts: readonly unknown[];
      readonly device?: string | undefined;
      readonly button?: unknown;
      readonly heartbeat?: unknown;
      readonly supply?: unknown;
      readonly uplink?: unknown;
    };

export interface BoxFacts {
  /** Whether GPIO outputs keep their level when their holder dies (`persist_gpio_outputs`); undefined: cannot be told. */
  readonly outputsPersist: boolean | undefined;
  /** The gate runs as a systemd unit with `ExecStopPost` off-helper, whose file names every relay of this board. */
  readonly offHelper: boolean;
  /** The unit has `WatchdogSec`. */
  readonly serviceWatchdog: boolean;
  /** systemd feeds a hardware watchdog (`RuntimeWatchdogSec`), and there is one. */
  readonly hardwareWatchdog: boolean;
  /** What of the configured board this machine does not have, or does not let us see; whole sentences. */
  readonly missing: readonly string[];
  /** What is there and does not count, and why; whole sentences. */
  readonly uncounted: readonly string[];
}

const FAILURES = ['SIGKILL', 'hang', 'kernel hang', 'power loss', 'welded contact', 'stuck driver'] as const;
/** Of boards with a second door. */
const UPLINK_FAILURE = 'stuck uplink';
export type Failure = (typeof FAILURES)[number] | typeof UPLINK_FAILURE;

export interface Cover {
  readonly failure: Failure;
  /** What covers it, strongest first. Empty: nothing does, and the box is not safe. */
  readonly by: readonly string[];
  /** What might have, and does not count; whole sentences. */
  readonly uncounted: readonly string[];
}

/**
 * A serial board with a timer of its own that drops the relay unless it is fed. A Waveshare board's is relied on only where
 * a spare relay lets it be proven; what the start of the gate disproves is among its caveats, and `run` refuses it.
 */
const ownTimer = (part: Part) =>
  part.driver === 'serial' && (part.model === 'i7060' || (part.model === 'waveshare' && part.spare !== undefined));
const isSerial = (part: Part) => part.driver === 'serial';

/** For each failure, what covers it on this box. */
export function coverage(wiring: Wiring, facts: BoxFacts): Cover[] {
  if (wiring.driver === 'simulated')
    return FAILURES.map((failure) => ({ failure, by: SIMULATED[failure], uncounted: ['The board is simulated.'] }));
  const { relay, relay2, contacts, device, heartbeat, button, supply, uplink } = wiring;
  const failures: readonly Failure[] = uplink === undefined ? FAILURES : [...FAILURES, UPLINK_FAILURE];
  // Whatever the configuration says of them: parts that are not there drop nothing.
  if (facts.missing.length > 0) return failures.map((failure) => ({ failure, by: [], uncounted: facts.missing }));
  const relays = [relay, relay2].filter((part) => part !== undefined);
  const deadMan = heartbeat === undefined ? [] : ['dead-man circuit on the heartbeat line (500 ms)'];
  const timer = relays.some(ownTimer) ? ['timer on the relay board itself, proven at each start'] : [];
  const told = relays.every(isSerial) ? ': the relay board is told, nothing proves that it obeys' : '';
  const helper = facts.offHelper ? [`off-helper run by systemd after the gate${told}`] : [];
  // A line that the kernel lets go falls by the pull-down; two in series fall with either.
  const released = [relay, relay2].some((part) => part?.driver === 'gpiochip') && facts.outputsPersist === false;
  const kernel = released ? ['the kernel releases the line with its holder'] : [];
  const series = relay2 === undefined ? [] : ['second relay in series'];
  const seen =
    contacts.length > 0
      ? ['auxiliary contact: seen as a fault']
      : device === undefined
        ? []
        : ['the device stays: seen as a fault'];
  const by: Record<Failure, string[]> = {
    SIGKILL: [...deadMan, ...timer, ...kernel, ...helper],
    hang: [
      ...deadMan,
      ...timer,
      ...(facts.serviceWatchdog && (helper.length > 0 || released) ? ['systemd watchdog, then SIGKILL'] : []),
    ],
    'kernel hang': [
      ...deadMan,
      ...timer,
      ...(facts.hardwareWatchdog && !relays.every(isSerial) ? ['hardware watchdog (15 s), then the pull-down'] : []),
    ],
    'power loss': relays.every((part) => isSerial(part) && !ownTimer(part)) ? [] : ['the coil has no current'],
    'welded contact': [...series, ...(series.length > 0 ? seen : [])],
    'stuck driver': [
      ...series,
      ...(button === undefined || supply === undefined
        ? []
        : ["the button's closed pole in series with the coil supply, which is sensed"]),
    ],
    [UPLINK_FAILURE]: ["the uplink's contact: a fault, and the vault stays isolated until the uplink is proven so"],
  };
  const unsensed =
    button !== undefined && supply === undefined
      ? ["The button's closed pole in the coil supply is not sensed: whether it is there is a claim nobody checks."]
      : [];
  const uncounted: Partial<Record<Failure, readonly string[]>> = {
    SIGKILL: facts.uncounted,
    hang: facts.uncounted,
    'stuck driver': unsensed,
  };
  return failures.map((failure) => ({ failure, by: by[failure], uncounted: uncounted[failure] ?? [] }));
}

/** True when something outside our processes drops the relay if all of them die at once: the condition of `portcullis run`. */
export function dropsWithoutUs(wiring: Wiring): boolean {
  if (wiring.driver === 'simulated') return true;
  const { heartbeat, relay, relay2 } = wiring;
  return heartbeat !== undefined || ownTimer(relay) || (relay2 !== undefined && ownTimer(relay2));
}

const SIMULATED: Record<(typeof FAILURES)[number], string[]> = {
  SIGKILL: ['the board process: its driver is gone'],
  hang: ['the board process: its dead-man (500 ms)'],
  'kernel hang': [],
  'power loss': [],
  'welded contact': [],
  'stuck driver': [],
};
