// The operators' page. Text from outside reaches the document as text nodes alone.

import {
  alarm,
  alertEntry,
  alertSource,
  atRest,
  bytes,
  count,
  entryTone,
  entryWords,
  freshView,
  headline,
  interlocks,
  ledWords,
  presence,
  proofs,
  proofTest,
  STALE_MS,
  sourceState,
  span,
  supply,
  uplink,
  waitingRules,
  windowOutcome,
} from './view.js';

/**
 * @import {AlertSourceStatus, KeeperStatus, SourceStatus} from '../../keeper/ports.ts'
 * @import {LedgerEntry} from '../../ledger/ports.ts'
 * @import {GateView, Interlock} from '../../base/protocol.ts'
 */

const TICK_MS = 250;
const TRIP_TIMEOUT_MS = 5000;
const RECONNECT_MS = 2000;
const LEDGER_LIMIT = 20;
const ALERTS_LIMIT = 20;

/** @type {KeeperStatus | undefined} */
let status;
let statusAt = Number.NEGATIVE_INFINITY;
let wordAt = Number.NEGATIVE_INFINITY;

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * @param {string} tag
 * @param {Record<string, string>} attributes
 * @param {(Node | string)[]} children
 */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/**
 * Only what changed is touched, so that a screen reader hears only what changed.
 * @param {string} id
 * @param {string} text
 */
function say(id, text) {
  const target = byId(id);
  if (target.textContent !== text) target.textContent = text;
}

/**
 * The same for a fact that not every box has: without it its row is not there.
 * @param {string} id
 * @param {string | undefined} text
 */
function sayIfAny(id, text) {
  byId(`${id}-row`).hidden = text === undefined;
  say(id, text ?? '');
}

/** @type {Map<string, string>} */
const shown = new Map();

/**
 * Rebuilds the children of `id` when `model` is not what they were built from.
 * @param {string} id
 * @param {unknown} model
 * @param {() => (Node | string)[]} build
 */
function show(id, model, build) {
  const key = JSON.stringify(model) ?? '';
  if (shown.get(id) === key) return;
  shown.set(id, key);
  byId(id).replaceChildren(...build());
}

/**
 * A moment in this browser's time, its UTC under the pointer.
 * @param {number} wall
 */
function moment(wall) {
  const date = new Date(wall);
  const today = date.toDateString() === new Date().toDateString();
  const words = date.toLocaleString('en-GB', {
    ...(today ? {} : { day: 'numeric', month: 'short', year: 'numeric' }),
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  const iso = date.toISOString();
  return element('time', { datetime: iso, title: iso }, words);
}

function render() {
  const now = performance.now();
  const known = { status, sinceStatus: now - statusAt, sinceWord: now - wordAt };
  const view = freshView(known);
  const live = known.sinceWord <= STALE_MS;
  renderLive(live, known.sinceWord);
  renderHero(headline(known), view, known.sinceStatus);
  renderAlarm(view);
  renderNotices(live, view, known.sinceStatus);
  renderInterlocks(view);
  say('budget', view === undefined ? 'Not known' : budgetWords(view));
  document.body.toggleAttribute('data-stale', !live);
  if (status === undefined) return;
  renderSchedule(status, known.sinceStatus);
  renderSources(status, live ? known.sinceStatus : 0);
  renderAlertSources(status, live ? known.sinceStatus : 0);
  say('appliance', status.appliance);
  say('version', `Portcullis ${status.version}`);
}

/**
 * @param {boolean} live
 * @param {number} sinceWord
 */
function renderLive(live, sinceWord) {
  byId('live').dataset['live'] = live ? 'live' : status === undefined ? 'connecting' : 'stale';
  say(
    'live-text',
    live ? 'Live' : status === undefined ? 'Connecting to the appliance …' : `Stale: last word ${span(sinceWord)} ago`,
  );
}

/**
 * @param {ReturnType<typeof headline>} words
 * @param {GateView | undefined} view
 * @param {number} sinceStatus
 */
function renderHero(words, view, sinceStatus) {
  byId('hero').dataset['kind'] = words.kind;
  byId('hero-icon').setAttribute('href', `#icon-${words.icon}`);
  say('hero-title', words.title);
  say('hero-detail', words.detail);
  const locked = view !== undefined && view.latch.kind !== 'clear' ? ` (${view.latch.kind})` : '';
  const title = `${words.title}${locked} · Portcullis`;
  if (document.title !== title) document.title = title;
  byId('hero-facts').hidden = view === undefined;
  if (view === undefined) return;
  // The gate's own monotonic times: no wall clock takes part.
  say('in-state', span(view.readings.at - view.since + sinceStatus));
  say('why', view.why);
  say('proofs', proofs(view, status?.proofs ?? {}));
  sayIfAny('uplink', uplink(view));
  sayIfAny('supply', supply(view));
  const test = proofTest(view);
  show('proof-test', test, () => [
    element('strong', test.verdict === 'FAILED' ? { class: 'lacking' } : {}, test.verdict),
    ...(test.wall === undefined ? [] : [' ', moment(test.wall), `. ${test.detail}`]),
  ]);
  say('led-text', ledWords(view.led));
  byId('led').dataset['led'] = view.led;
  const { connection } = view;
  const left = connection && span(connection.deadline - view.readings.at - sinceStatus);
  sayIfAny('connection', connection && `${connection.purpose}; the gate ends it in ${left} at the latest`);
}

/** @param {GateView | undefined} view */
function renderAlarm(view) {
  const model = alarm(view);
  show('alarms', model, () =>
    model === undefined
      ? []
      : [
          element(
            'div',
            { class: 'banner', 'data-kind': 'alarm' },
            element('h2', {}, model.title),
            element('p', { class: 'cause' }, model.cause),
            element('p', {}, 'Since ', moment(model.wall), '. ', model.remedy),
          ),
        ],
  );
}

/**
 * @param {boolean} live
 * @param {GateView | undefined} view
 * @param {number} sinceStatus
 */
function renderNotices(live, view, sinceStatus) {
  const waiting = presence(view, sinceStatus);
  const rules = waitingRules(view);
  const attention = live ? (status?.attention ?? []) : [];
  const staleSince = live ? undefined : status?.wall;
  show('notices', [staleSince, waiting, rules, attention], () => [
    ...(staleSince === undefined
      ? []
      : [banner('stale', 'What stands below was so at ', moment(staleSince), '. It may have changed since.')]),
    ...(waiting === undefined ? [] : [banner('presence', waiting)]),
    ...(rules === undefined ? [] : [banner('presence', rules)]),
    ...attention.map((text) => banner('attention', text)),
  ]);
}

/**
 * @param {string} kind
 * @param {(Node | string)[]} words
 */
function banner(kind, ...words) {
  return element('p', { class: 'banner', 'data-kind': kind }, ...words);
}

/**
 * @param {KeeperStatus} known
 * @param {number} sinceStatus
 */
function renderSchedule({ wall, window, nextWindow, activity, lastWindow }, sinceStatus) {
  const now = wall + sinceStatus;
  say('window-label', window === undefined ? 'Next window' : 'Window now');
  const left = span((window?.endWall ?? nextWindow?.startWall ?? now) - now);
  show('window', [window, nextWindow, left], () => windowWords(window, nextWindow, left));
  say('activity', activity);
  say('last-window', lastWindow === undefined ? 'None yet' : windowOutcome(lastWindow));
}

/**
 * @param {KeeperStatus['window']} window
 * @param {KeeperStatus['nextWindow']} next
 * @param {string} left
 * @returns {(Node | string)[]}
 */
function windowWords(window, next, left) {
  if (window !== undefined) return [element('strong', {}, `ends in ${left}`), ` (${window.name})`];
  if (next === undefined) return ['None is scheduled.'];
  const { name, startWall, endWall } = next;
  return [element('strong', {}, `in ${left}`), ` (${name}, `, moment(startWall), `, for ${span(endWall - startWall)})`];
}

/** @param {GateView} view */
function budgetWords({ budget: { connections, connectionsMax, seconds, secondsMax } }) {
  return `${connections} of ${count(connectionsMax, 'connection')}, ${span(seconds * 1000)} of ${span(secondsMax * 1000)} connected`;
}

/** @param {GateView | undefined} view */
function renderInterlocks(view) {
  const list = view === undefined ? [] : interlocks(view);
  byId('interlocks-empty').hidden = list.length > 0;
  show('interlocks', list, () => list.map(interlockItem));
}

/** @param {Interlock} interlock */
function interlockItem({ name, ok, reason, remedy }) {
  return element(
    'li',
    { 'data-ok': String(ok) },
    element('span', { class: 'mark', 'aria-hidden': 'true' }, ok ? '✓' : '✕'),
    element(
      'div',
      {},
      element(
        'p',
        {},
        element('strong', {}, name),
        element('span', { class: 'verdict' }, ok ? ' holds' : ' does not hold'),
      ),
      element('p', { class: 'reason' }, reason),
      ...(ok || remedy === '' ? [] : [element('p', { class: 'remedy' }, remedy)]),
    ),
  );
}

/**
 * @param {KeeperStatus} known
 * @param {number} sinceStatus
 */
function renderSources({ sources, wall, workingCopies }, sinceStatus) {
  say('sources-note', atRest(workingCopies));
  byId('sources-empty').hidden = sources.length > 0;
  say('sources-empty', 'No source is configured.');
  const ages = sources.map(({ lastSnapshot }) =>
    lastSnapshot === undefined ? '' : ago(wall + sinceStatus - lastSnapshot.wall),
  );
  show('sources', [sources, ages], () => sources.map((source, index) => sourceItem(source, ages[index] ?? '')));
}

/**
 * Minutes are enough here.
 * @param {number} ms
 */
function ago(ms) {
  return ms < 60_000 ? 'less than a minute ago' : `${span(Math.floor(ms / 60_000) * 60_000)} ago`;
}

/**
 * @param {SourceStatus} source
 * @param {string} age
 */
function sourceItem(source, age) {
  const { name, kind, lastSnapshot, lastFailure } = source;
  const snapshot =
    lastSnapshot === undefined
      ? [element('strong', { class: 'lacking' }, 'No snapshot yet')]
      : [
          element('strong', {}, age),
          ' (',
          moment(lastSnapshot.wall),
          `), ${count(lastSnapshot.files, 'file')}, ${bytes(lastSnapshot.bytes)}`,
          ...(lastSnapshot.partial ? [element('span', { class: 'lacking' }, ', partial')] : []),
          ...(lastSnapshot.readBack === 'cached' ? [', read back from memory only (cached)'] : []),
        ];
  const failure =
    lastFailure === undefined
      ? []
      : [element('p', { class: 'failure' }, 'Failed ', moment(lastFailure.wall), `: ${lastFailure.what}`)];
  return element(
    'li',
    {},
    element('p', { class: 'source-name' }, element('strong', {}, name), element('span', { class: 'tag' }, kind)),
    element('p', { class: 'source-state', 'data-state': source.state }, sourceState(source)),
    element('p', { class: 'source-snapshot' }, ...snapshot),
    ...failure,
  );
}

/**
 * @param {KeeperStatus} known
 * @param {number} sinceStatus
 */
function renderAlertSources({ alertSources, wall }, sinceStatus) {
  byId('alert-sources-empty').hidden = alertSources.length > 0;
  say('alert-sources-empty', 'Nobody may send any.');
  const ages = alertSources.map(({ lastHeardWall }) =>
    lastHeardWall === undefined ? 'Never heard' : `Last heard ${ago(wall + sinceStatus - lastHeardWall)}`,
  );
  show('alert-sources', [alertSources, ages], () =>
    alertSources.map((source, index) => alertSourceItem(source, ages[index] ?? '')),
  );
}

/**
 * @param {AlertSourceStatus} source
 * @param {string} age
 */
function alertSourceItem(source, age) {
  const { state, policy, tone } = alertSource(source);
  const { name, lastHeardWall } = source;
  return element(
    'li',
    {},
    element('p', { class: 'source-name' }, element('strong', {}, name)),
    element('p', { class: 'source-state', 'data-tone': tone }, state),
    element(
      'p',
      { class: 'source-snapshot' },
      age,
      ...(lastHeardWall === undefined ? [] : [' (', moment(lastHeardWall), ')']),
    ),
    element('p', { class: 'source-policy' }, policy),
  );
}

// The ledger: one page at a time, the newest one kept fresh.

/** @type {{before: number | undefined, next: number | undefined, seq: number, loading: boolean}} */
const ledger = { before: undefined, next: undefined, seq: -1, loading: false };
/** @type {Map<number, HTMLElement>} */
const entryItems = new Map();

async function loadLedger() {
  if (ledger.loading) return;
  ledger.loading = true;
  const { before } = ledger;
  const seq = status?.ledgerSeq ?? -1;
  try {
    const query = new URLSearchParams({
      limit: String(LEDGER_LIMIT),
      ...(before === undefined ? {} : { before: String(before) }),
    });
    const response = await fetch(`/api/v1/ledger?${query}`);
    const body = await response.json();
    if (!response.ok) throw new Error(body.detail);
    if (before === ledger.before) {
      renderEntries('ledger', entryItems, body.entries, entryItem, 'Nothing has happened yet.');
      ledger.next = body.next;
    }
    ledger.seq = seq;
    say('ledger-note', before === undefined ? '' : 'Older entries');
  } catch (error) {
    say('ledger-note', `The ledger cannot be read: ${error instanceof Error ? error.message : error}`);
  }
  ledger.loading = false;
  setDisabled('ledger-newest', ledger.before === undefined);
  setDisabled('ledger-older', ledger.next === undefined);
  if (before !== ledger.before) void loadLedger();
}

/**
 * @param {string} id
 * @param {boolean} disabled
 */
function setDisabled(id, disabled) {
  byId(id).toggleAttribute('disabled', disabled);
}

/**
 * Entries never change: those already shown stay as they are, opened or not.
 * @param {string} id
 * @param {Map<number, HTMLElement>} items
 * @param {LedgerEntry[]} entries
 * @param {(entry: LedgerEntry) => HTMLElement} made
 * @param {string} none
 */
function renderEntries(id, items, entries, made, none) {
  const seqs = new Set(entries.map(({ seq }) => seq));
  for (const [seq, item] of items) {
    if (seqs.has(seq)) continue;
    item.remove();
    items.delete(seq);
  }
  const list = byId(id);
  for (const [index, entry] of entries.entries()) {
    const item = items.get(entry.seq) ?? made(entry);
    items.set(entry.seq, item);
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  }
  byId(`${id}-empty`).hidden = entries.length > 0;
  say(`${id}-empty`, none);
}

/** @param {LedgerEntry} entry */
function entryItem(entry) {
  const words = entryWords(entry);
  return element(
    'li',
    { 'data-tone': entryTone(entry.type) },
    element(
      'details',
      {},
      element(
        'summary',
        {},
        moment(entry.wall),
        element('strong', { class: 'entry-type' }, entry.type),
        element('span', { class: 'entry-words' }, words),
      ),
      element('pre', { tabindex: '0', 'aria-label': `Entry ${entry.seq}` }, JSON.stringify(entry, undefined, 2)),
    ),
  );
}

// Recent alerts: read again when the ledger has more.

const alerts = { seq: -1, loading: false };
/** @type {Map<number, HTMLElement>} */
const alertItems = new Map();

async function loadAlerts() {
  const seq = status?.ledgerSeq ?? -1;
  if (alerts.loading || seq === alerts.seq) return;
  alerts.loading = true;
  try {
    const response = await fetch(`/api/v1/alerts?limit=${ALERTS_LIMIT}`);
    const body = await response.json();
    if (!response.ok) throw new Error(body.detail);
    renderEntries('alerts', alertItems, body.entries, alertItem, 'Nothing has arrived yet.');
    say('alerts-note', '');
  } catch (error) {
    say('alerts-note', `They cannot be read: ${error instanceof Error ? error.message : error}`);
  }
  alerts.seq = seq;
  alerts.loading = false;
  if (status?.ledgerSeq !== seq) void loadAlerts();
}

/** @param {LedgerEntry} entry */
function alertItem(entry) {
  const { wall, outcome, tone, words, payload } = alertEntry(entry);
  const all = payload === '' ? JSON.stringify(entry.data, undefined, 2) : payload;
  return element(
    'li',
    { 'data-tone': tone },
    element(
      'details',
      {},
      element(
        'summary',
        {},
        moment(wall),
        element('strong', { class: 'entry-type' }, outcome),
        element('span', { class: 'entry-words' }, words),
      ),
      element('pre', { tabindex: '0', 'aria-label': `What arrived, entry ${entry.seq}` }, all),
    ),
  );
}

// Trip: one press, no question asked. It works whatever the page believes.

let tripping = false;

async function trip() {
  if (tripping) return;
  tripping = true;
  tell('working', 'Tripping …');
  try {
    const response = await fetch('/api/v1/trip', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-portcullis': 'page' },
      body: '{}',
      signal: AbortSignal.timeout(TRIP_TIMEOUT_MS),
    });
    const answer = await response.json();
    const took = `The relay was told to drop ${Number(answer.latencyMs).toFixed(1)} ms after the request arrived`;
    if (response.ok) tell('good', `Tripped. ${took}; the lockout is on the disk.`);
    else if (answer.tripped === true)
      tell('bad', `Tripped. ${took}, but the lockout holds in memory only. ${answer.remedy}`);
    else tell('bad', `NOT tripped: ${answer.detail} Press the button on the box.`);
  } catch (error) {
    const reason = error instanceof Error && error.name !== 'TimeoutError' ? error.message : 'no answer in time';
    tell('bad', `Perhaps NOT tripped: ${reason}. Press the button on the box.`);
  }
  tripping = false;
}

/**
 * @param {'working' | 'good' | 'bad'} outcome
 * @param {string} text
 */
function tell(outcome, text) {
  const result = byId('trip-result');
  result.hidden = false;
  result.dataset['outcome'] = outcome;
  say('trip-result', text);
}

function listen() {
  const stream = new EventSource('/api/v1/events');
  stream.addEventListener('state', (event) => {
    status = JSON.parse(event.data);
    statusAt = wordAt = performance.now();
    render();
    if (ledger.before === undefined && status?.ledgerSeq !== ledger.seq) void loadLedger();
    void loadAlerts();
  });
  stream.addEventListener('beat', () => {
    wordAt = performance.now();
  });
  stream.addEventListener('error', () => {
    // After a refusal the browser gives up; this page does not.
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, RECONNECT_MS);
  });
}

byId('trip').addEventListener('click', () => void trip());
byId('ledger-older').addEventListener('click', () => {
  ledger.before = ledger.next;
  void loadLedger();
});
byId('ledger-newest').addEventListener('click', () => {
  ledger.before = undefined;
  void loadLedger();
});
setInterval(render, TICK_MS);
render();
listen();
