/**
 * What the processes say to each other: newline-delimited JSON over Unix sockets, this one schema at both ends.
 * Times named `at` or ending in `Ms` without more are CLOCK_MONOTONIC milliseconds; `wall` is milliseconds since the epoch.
 */
import {
  anything,
  flag,
  integer,
  list,
  number,
  type Of,
  object,
  oneOf,
  optional,
  record,
  text,
  variants,
} from './shape.ts';

const id = integer(0);
const reason = text(500);
const seconds = number(0, 86_400);

/** Why the gate was tripped. `kind` says through which door it came. */
export const cause = object({
  kind: oneOf('alert', 'button', 'command', 'page', 'check', 'gate'),
  reason,
  source: optional(text(100)),
  rule: optional(text(200)),
});
export type Cause = Of<typeof cause>;

/** The gate's measured state. The relay is energised only in connecting and connected. */
export const LINKS = ['isolated', 'connecting', 'connected', 'isolating'] as const;

export const LED_PATTERNS = [
  'steady-green',
  'slow-white',
  'slow-yellow',
  'double-blink-blue',
  'fast-red',
  'triple-red',
  'dark',
] as const;
export type LedPattern = (typeof LED_PATTERNS)[number];

/** One independent reading: the link looks alive, dead, or cannot be told. */
const reading = oneOf('alive', 'dead', 'unknown');
export type Reading = Of<typeof reading>;

/** Proofs that need the network, which only the keeper can take. They can block or isolate, never connect. */
export const REPORTED_PROOFS = ['carrier', 'probe'] as const;
export type ReportedProof = (typeof REPORTED_PROOFS)[number];

/** What waits for the button: a latch to be reset, a connection off schedule, rules that permit more than before. */
export const VERBS = ['reset', 'connect', 'apply'] as const;
export type Verb = (typeof VERBS)[number];
const verb = oneOf(...VERBS);

/** A condition that must hold before and throughout a connection. */
export const interlock = object({ name: text(40), ok: flag, reason, remedy: reason });
export type Interlock = Of<typeof interlock>;

/** What the gate tells everybody about itself. All of it is measured or decided by the gate, none of it is a wish. */
export const gateView = object({
  boot: text(64),
  link: oneOf(...LINKS),
  since: number(),
  sinceWall: number(),
  why: reason,
  latch: variants('kind', {
    clear: {},
    lockout: { cause, wall: number(), durable: flag },
    fault: { cause, wall: number(), durable: flag },
  }),
  /** A key is there only where the board has that part. `contacts`: each by itself, *alive* while made. */
  readings: object({
    contact: reading,
    device: reading,
    contacts: optional(list(reading, 2)),
    uplink: optional(reading),
    supply: optional(reading),
    at: number(),
  }),
  /** The second door, where there is one: what the gate commands it, measured in `readings.uplink`. */
  uplink: optional(oneOf('isolated', 'connected', 'isolating')),
  led: oneOf(...LED_PATTERNS),
  presence: variants('kind', {
    none: {},
    pending: { verb, reason, until: number() },
    approved: { verb, reason, until: number(), seconds: optional(seconds) },
  }),
  window: optional(object({ name: text(100), endsWall: number() })),
  connection: optional(object({ purpose: text(200), deadline: number(), permit: oneOf('window', 'presence') })),
  budget: object({ connections: integer(), connectionsMax: integer(), seconds: number(), secondsMax: number() }),
  interlocks: list(interlock),
  /** The last proof test of relays, contacts and proofs; absent before the first. */
  proofTest: optional(object({ wall: number(), passed: flag, detail: reason })),
  /** What the applied configuration would permit beyond the rules in force, until a person presses for it. */
  waiting: optional(list(reason, 100)),
});
export type GateView = Of<typeof gateView>;

/** One thing that happened at the gate, for the ledger. (`boot`, `seq`) is unique and without gaps inside one boot. */
export const gateRecord = object({
  boot: text(64),
  seq: integer(),
  at: number(),
  wall: number(),
  type: text(60),
  data: record(anything),
});
export type GateRecord = Of<typeof gateRecord>;

/** Socket `trip`: intake and anyone allowed to trip. */
export const tripRequest = variants('type', {
  trip: { id, cause },
  /** Intake's liveness lease. */
  alive: {},
});
export type TripRequest = Of<typeof tripRequest>;

export const tripAnswer = variants('type', {
  /** Sent once the lockout is durable (or is known not to become so). `commandedAt`: the relay was told to drop. */
  tripped: { id, commandedAt: number(), durable: flag },
});
export type TripAnswer = Of<typeof tripAnswer>;

/** Socket `lease`: the keeper, one holder at a time. */
export const leaseRequest = variants('type', {
  connect: { id, boot: text(64), purpose: text(200), seconds },
  renew: { boot: text(64) },
  release: { boot: text(64), reason },
  /** What only the keeper can know. It can block or isolate, never connect. */
  report: {
    clockTrusted: flag,
    blocks: list(interlock, 50),
    attention: list(reason, 50),
    /** A key for each proof that is configured. */
    proofs: object({ carrier: optional(reading), probe: optional(reading) }),
  },
  /** Records up to `seq` of `boot` are in the ledger and may be forgotten. */
  recorded: { boot: text(64), seq: integer() },
});
export type LeaseRequest = Of<typeof leaseRequest>;

export const leaseAnswer = variants('type', {
  hello: { boot: text(64), ttlMs: number() },
  connected: { id, deadline: number() },
  refused: { id, interlocks: list(interlock) },
  view: { view: gateView },
  record: { record: gateRecord },
});
export type LeaseAnswer = Of<typeof leaseAnswer>;

/** Socket `admin`: requests that need presence, and status. */
export const adminRequest = variants('type', {
  /** `test`: the connection begins with a proof test, due or not. */
  request: { id, verb: oneOf('reset', 'connect'), reason, seconds: optional(seconds), test: optional(flag) },
  /** Take over the rules of gate.json: at once where they permit less, with presence where they permit more. */
  apply: { id },
  cancel: { id },
  watch: {},
});
export type AdminRequest = Of<typeof adminRequest>;

export const adminAnswer = variants('type', {
  pending: { id, until: number() },
  approved: { id },
  denied: { id, reason },
  view: { view: gateView },
});
export type AdminAnswer = Of<typeof adminAnswer>;

/**
 * What came of what arrived. `noted`: authentic, but neither an alert nor a sign of life, such as a subscription that waits
 * to be confirmed.
 */
export const OUTCOMES = ['tripped', 'matched-none', 'refused', 'failed', 'heartbeat', 'noted'] as const;

/** Socket `records` of the keeper: intake says what arrived, after it has acted. */
export const delivery = object({
  wall: number(),
  at: optional(number()),
  source: text(100),
  outcome: oneOf(...OUTCOMES),
  detail: text(500),
  rule: optional(text(200)),
  latencyMs: optional(number()),
  bytes: integer(),
  digest: text(64),
  /** The same has come before. It has had its effect, but says nothing about its sender's health. */
  replay: optional(flag),
  /** When it came first, where `replay` is set. */
  firstSeenWall: optional(number()),
  /** What arrived, as text: without secrets, and cut. */
  payload: optional(text(4096)),
});
export type Delivery = Of<typeof delivery>;

/** Socket `control` of the keeper: the command line. */
export const controlRequest = variants('type', {
  status: { id },
  sync: { id, source: optional(text(100)) },
  clear: { id, seq: integer() },
});
export type ControlRequest = Of<typeof controlRequest>;

export const controlAnswer = variants('type', {
  status: { id, status: anything },
  done: { id },
  failed: { id, code: text(60), what: text(4000) },
});
export type ControlAnswer = Of<typeof controlAnswer>;
