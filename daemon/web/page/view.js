// What the page says, as pure functions of the status: nothing here touches the document or a clock.

/**
 * @import {AlertSourceStatus, KeeperStatus, SourceStatus} from '../../keeper/ports.ts'
 * @import {LedgerEntry} from '../../ledger/ports.ts'
 * @import {GateView, LedPattern} from '../../base/protocol.ts'
 */

/** A stream or a gate view older than this proves nothing any more, in milliseconds. */
export const STALE_MS = 3000;

/**
 * What is known now.
 * @typedef {object} Known
 * @property {KeeperStatus | undefined} status The newest status received, if any.
 * @property {number} sinceStatus Milliseconds since it was received.
 * @property {number} sinceWord Milliseconds since the stream last said anything.
 */

/**
 * The gate's view, or undefined where there is none fresh enough to claim anything by.
 * @param {Known} known
 * @returns {GateView | undefined}
 */
export function freshView(known) {
  const gate = known.status?.gate;
  return gate !== undefined && known.sinceWord <= STALE_MS && gateAge(known) <= STALE_MS ? gate.view : undefined;
}

/** @param {Known} known */
function gateAge({ status, sinceStatus }) {
  return status?.gate === undefined
    ? Number.POSITIVE_INFINITY
    : Math.abs(status.wall - status.gate.receivedWall) + sinceStatus;
}

/**
 * The state in words. `kind` picks icon and colour.
 * @param {Known} known
 * @returns {{kind: 'isolated' | 'unproven' | 'connected' | 'moving' | 'alarm' | 'unknown', icon: string, title: string, detail: string}}
 */
export function headline(known) {
  const view = freshView(known);
  if (view !== undefined) return measured(view, known.status?.proofs ?? {});
  const unknown = /** @type {const} */ ({ kind: 'unknown', icon: 'unknown', title: 'Not known' });
  if (known.status === undefined) return { ...unknown, detail: 'Waiting for the first word from the appliance.' };
  if (known.sinceWord > STALE_MS)
    return {
      ...unknown,
      detail: 'This page has lost the appliance and claims nothing. Look at the LED on the box.',
    };
  if (known.status.gate === undefined)
    return {
      ...unknown,
      detail: 'The gate does not answer. The relay drops by itself when the gate is gone; look at the LED on the box.',
    };
  return { ...unknown, detail: 'The gate has fallen silent. Look at the LED on the box.' };
}

/**
 * @param {GateView} view
 * @param {KeeperStatus['proofs']} reported
 * @returns {ReturnType<typeof headline>}
 */
function measured(view, reported) {
  const { contact, device } = view.readings;
  const alive = contact === 'alive' || device === 'alive';
  const dead = contact === 'dead' || device === 'dead';
  switch (view.link) {
    case 'connected':
      return { kind: 'connected', icon: 'connected', title: 'Connected', detail: 'The vault can be reached.' };
    case 'connecting':
      return { kind: 'moving', icon: 'moving', title: 'Connecting', detail: 'The vault is about to be reachable.' };
    default:
      if (view.link === 'isolating' && view.latch.kind !== 'fault')
        return {
          kind: 'moving',
          icon: 'moving',
          title: 'Isolating',
          detail: 'The relay is off; waiting for proof that the link is dead.',
        };
      if (alive)
        return {
          kind: 'alarm',
          icon: 'alarm',
          title: 'Not isolated',
          detail: 'The relay is off, yet the link is measured alive. Unplug the vault.',
        };
      for (const [name, found] of Object.entries(reported))
        if (found === 'alive')
          return {
            kind: 'unproven',
            icon: 'isolated',
            title: 'Isolated, unproven',
            detail: `The relay is off, but the ${name} still finds the link alive.`,
          };
      if (!dead)
        return {
          kind: 'unproven',
          icon: 'isolated',
          title: 'Isolated, unproven',
          detail: 'The relay is off, but no proof says that the link is dead.',
        };
      return {
        kind: 'isolated',
        icon: 'isolated',
        title: 'Isolated',
        detail: 'The link is measured dead. Nothing reaches the vault.',
      };
  }
}

/**
 * Whether somebody who takes the box away can read the working copies of its sources.
 * @param {KeeperStatus['workingCopies']} copies
 */
export function atRest(copies) {
  if (copies === undefined) return '';
  const { path, atRest, detail } = copies;
  if (atRest === 'encrypted') return 'Working copies: encrypted at rest';
  const words = atRest === 'plaintext' ? 'plaintext at rest' : 'perhaps plaintext at rest';
  return `Working copies: ${words} in ${path} (${detail})`;
}

/**
 * What must be read first: lockout, fault, a latch that is not on the disk.
 * @param {GateView | undefined} view
 * @returns {{title: string, cause: string, wall: number, remedy: string} | undefined}
 */
export function alarm(view) {
  if (view === undefined || view.latch.kind === 'clear') return undefined;
  const { kind, cause, wall, durable } = view.latch;
  const door = {
    alert: 'an alert',
    button: 'the button',
    command: 'the command line',
    page: 'this page',
    check: 'a check',
    gate: 'the gate itself',
  }[cause.kind];
  const from = [cause.source, cause.rule && `rule ${cause.rule}`].filter(Boolean).join(', ');
  return {
    title:
      kind === 'fault'
        ? 'Fault: isolated as far as possible, no connection until reset'
        : 'Lockout: isolated until reset at the box',
    cause: `${cause.reason} (by ${door}${from === '' ? '' : `: ${from}`})`,
    wall,
    remedy: [
      durable ? '' : 'It is not on the disk yet: it holds in memory only.',
      view.interlocks.find(({ name }) => name === 'latch')?.remedy ?? '',
    ]
      .filter(Boolean)
      .join(' '),
  };
}

/**
 * What waits for a person at the box.
 * @param {GateView | undefined} view
 * @param {number} sinceView Milliseconds since the view was made.
 * @returns {string | undefined}
 */
export function presence(view, sinceView) {
  if (view === undefined || view.presence.kind === 'none') return undefined;
  const { kind, verb, reason, until } = view.presence;
  // In steps of 10 s: a screen reader reads every change aloud.
  const left = span(Math.ceil((until - view.readings.at - sinceView) / 10_000) * 10_000);
  return kind === 'pending'
    ? `A request to ${verb} waits for one press of the button, at most ${left} more: ${reason}`
    : `Somebody at the box approved a connection, to be used within ${left}: ${reason}`;
}

/** @type {Readonly<Record<LedPattern, string>>} */
const LED_WORDS = {
  'steady-green': 'steady green: isolated and proven',
  'slow-white': 'slow white: connected',
  'slow-yellow': 'slow yellow: wants attention',
  'double-blink-blue': 'blue double blink: waits for a person',
  'fast-red': 'fast red: lockout',
  'triple-red': 'red triple: fault',
  dark: 'dark',
};

/** @param {LedPattern} pattern */
export function ledWords(pattern) {
  return LED_WORDS[pattern];
}

/**
 * Every proof that the vault's link is dead or alive, the keeper's last.
 * @param {GateView} view
 * @param {KeeperStatus['proofs']} reported
 */
export function proofs({ readings: { contact, device, contacts = [] } }, reported) {
  const each = contacts.length < 2 ? '' : ` (${contacts.map((one, n) => `relay ${n + 1} ${reading(one)}`).join(', ')})`;
  const ours = Object.entries(reported).map(([name, found]) => `, ${name} ${reading(found)}`);
  return `contact ${reading(contact)}${each}, device ${reading(device)}${ours.join('')}`;
}

/** @param {string} value */
function reading(value) {
  return value === 'unknown' ? 'cannot tell' : value;
}

/**
 * The second door: what it is to be, and what is measured. Undefined where there is none.
 * @param {GateView} view
 */
export function uplink({ uplink: state, readings }) {
  if (state === undefined) return undefined;
  const words = { connected: 'Connected', isolated: 'Isolated', isolating: 'Isolating, not proven yet' }[state];
  return `${words}; measured ${reading(readings.uplink ?? 'unknown')}`;
}

/**
 * The current behind the button's closed pole. Undefined where nothing senses it.
 * @param {GateView} view
 */
export function supply({ readings }) {
  if (readings.supply === undefined) return undefined;
  return { alive: 'There', dead: 'Gone: the button is down, or its circuit broken', unknown: 'Cannot tell' }[
    readings.supply
  ];
}

/**
 * The last proof test: its moment, and the words before and after it.
 * @param {GateView} view
 * @returns {{wall: number | undefined, verdict: string, detail: string}}
 */
export function proofTest({ proofTest: test }) {
  if (test === undefined) return { wall: undefined, verdict: 'Never: the next connection begins with it', detail: '' };
  return { wall: test.wall, verdict: test.passed ? 'Passed' : 'FAILED', detail: test.detail };
}

/**
 * What the applied configuration would permit, once a person presses for it.
 * @param {GateView | undefined} view
 * @returns {string | undefined}
 */
export function waitingRules(view) {
  if (view?.waiting === undefined || view.waiting.length === 0) return undefined;
  return `The old rules hold. New ones that permit more wait for \`portcullis config apply\` and the button: ${view.waiting.join(' ')}`;
}

/**
 * Interlocks, lost ones first.
 * @param {GateView} view
 */
export function interlocks(view) {
  return [...view.interlocks].sort((a, b) => Number(a.ok) - Number(b.ok));
}

/** @param {SourceStatus} source */
export function sourceState({ state, progress }) {
  const words = { idle: 'Idle', sealing: 'Sealing', staged: 'Sealed, waits for a window', shipping: 'Shipping' }[state];
  if (progress === undefined) return words;
  const { what, files, total, pace } = progress;
  if (what !== undefined) return `${words}: ${what}`;
  if (total === undefined) return `${words}: ${count(files, 'file')}, ${bytes(progress.bytes)}`;
  const rate = pace === undefined ? '' : `, ${bytes(pace.bytesPerSecond)}/s, ${span(pace.leftMs)} left`;
  return `${words}: ${bytes(progress.bytes)} of ${bytes(total)}${rate}`;
}

/**
 * Whether somebody who may send alerts is heard, and what happens if not. `tone` says how bad that is.
 * @param {AlertSourceStatus} source
 * @returns {{state: string, policy: string, tone: 'good' | 'lacking' | 'alarm'}}
 */
export function alertSource({ heartbeat, state, blocks }) {
  if (heartbeat === undefined)
    return {
      state: 'Not watched',
      policy: 'No heartbeat is configured: nobody would notice its silence.',
      tone: 'lacking',
    };
  const { everyMs, silence, afterMs } = heartbeat;
  const policy = {
    block: 'Its silence blocks connecting.',
    warn: 'Its silence only warns.',
    degrade: `Its silence blocks connecting for ${span(afterMs)}, then only warns.`,
  }[silence];
  const words = {
    unwatched: 'Not watched',
    alive: 'Heard',
    silent: blocks ? 'Silent: nothing connects until it is heard' : 'Silent',
    degraded: 'Silent for so long that nothing waits for it any more',
  }[state];
  const tone = state === 'alive' ? 'good' : 'alarm';
  return { state: words, policy: `Expected every ${span(everyMs)}. ${policy}`, tone };
}

/** @param {NonNullable<KeeperStatus['lastWindow']>} window */
export function windowOutcome({ name, outcome, connectedSeconds, bytes: shipped, why }) {
  const figures = `${connectedSeconds.toFixed(1)} s connected, ${bytes(shipped)} shipped`;
  return `${name}: ${outcome}, ${figures}${why === '' ? '' : `. ${why}`}`;
}

/** Told elsewhere, or of use to programs only. */
const QUIET_KEYS = /^(boot|seq|at|head|digest|batch|window|payload)$|Wall$/;
const LEADING_KEYS = ['reason', 'what', 'why', 'purpose', 'detail', 'source', 'name'];

/**
 * One line about an entry: the words first, then what else it carries.
 * @param {LedgerEntry} entry
 * @returns {string}
 */
export function entryWords({ data }) {
  const keys = Object.keys(data).filter((key) => !QUIET_KEYS.test(key));
  const rank = (/** @type {string} */ key) =>
    LEADING_KEYS.includes(key) ? LEADING_KEYS.indexOf(key) : LEADING_KEYS.length;
  const parts = keys
    .sort((a, b) => rank(a) - rank(b))
    .map((key) => {
      const value = data[key];
      if (value === '' || value === null || typeof value === 'object') return '';
      if (typeof value === 'string' && LEADING_KEYS.includes(key)) return value;
      const name = key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
      return `${name} ${typeof value === 'number' && /bytes$/i.test(key) ? bytes(value) : value}`;
    });
  const line = parts.filter(Boolean).join(' · ');
  return line.length > 300 ? `${line.slice(0, 299)}…` : line;
}

/** @type {Readonly<Record<string, {words: string, tone: 'alarm' | 'good' | 'plain'}>>} */
const OUTCOMES = {
  'alert.tripped': { words: 'Tripped', tone: 'alarm' },
  'alert.failed': { words: 'Should have tripped', tone: 'alarm' },
  'alert.matched-none': { words: 'Matched no rule', tone: 'plain' },
  'alert.noted': { words: 'Noted', tone: 'plain' },
  'alert.heartbeat': { words: 'Heartbeat', tone: 'plain' },
  'alert.refused': { words: 'Refused', tone: 'plain' },
  'alert.unrecorded': { words: 'Not recorded', tone: 'plain' },
};

/**
 * What a source sent and what came of it. `payload` is text from outside, for a text node.
 * @param {LedgerEntry} entry
 * @returns {{wall: number, outcome: string, tone: 'alarm' | 'good' | 'plain', words: string, payload: string}}
 */
export function alertEntry({ type, wall, data }) {
  const { source, rule, latencyMs, replay, detail, count: more, outcome, receivedWall, payload } = data;
  const { words, tone } = OUTCOMES[type] ?? { words: type, tone: 'plain' };
  const parts = [
    source,
    rule === undefined ? '' : `rule ${rule}`,
    typeof latencyMs === 'number' ? `relay off after ${latencyMs} ms` : '',
    replay === true ? 'a repetition' : '',
    type === 'alert.unrecorded' ? `${more} more: ${outcome}` : detail,
  ];
  return {
    wall: typeof receivedWall === 'number' ? receivedWall : wall,
    outcome: words,
    tone,
    words: parts.filter((part) => typeof part === 'string' && part !== '').join(' · '),
    payload: typeof payload === 'string' ? payload : '',
  };
}

/**
 * How loud an entry is shown.
 * @param {string} type
 * @returns {'alarm' | 'good' | 'plain'}
 */
export function entryTone(type) {
  if (/tripped|fault|failed|unwritable|replaced|lost|stuck|missing|degraded/.test(type)) return 'alarm';
  return type === 'snapshot.committed' ? 'good' : 'plain';
}

/**
 * A length of time, two units at most.
 * @param {number} ms
 */
export function span(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [d, h, m, s] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
    seconds % 60,
  ];
  const parts = [
    [d, 'd'],
    [h, 'h'],
    [m, 'min'],
    [s, 's'],
  ];
  const first = parts.findIndex(([value]) => value !== 0);
  if (first === -1) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value !== 0)
    .map((part) => part.join(' '))
    .join(' ');
}

/** @param {number} value */
export function bytes(value) {
  if (value < 1000) return `${value} B`;
  const units = ['kB', 'MB', 'GB', 'TB', 'PB'];
  let scaled = value;
  let unit = -1;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${scaled < 10 ? scaled.toFixed(1) : scaled.toFixed(0)} ${units[unit]}`;
}

/**
 * @param {number} n
 * @param {string} noun
 */
export function count(n, noun) {
  return `${n.toLocaleString('en')} ${noun}${n === 1 ? '' : 's'}`;
}
