import type { Json } from '../base/canonical.ts';
import type { Clock } from '../base/clock.ts';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import type { SealRequest, ShipRequest, SweepRequest } from '../base/jobs.ts';
import type { Log } from '../base/log.ts';
import type { Delivery, GateRecord, Interlock } from '../base/protocol.ts';
import type { LedgerEntry, LedgerReads, LedgerWrites } from '../ledger/ports.ts';
import { type AlertSourceSetup, AlertSources } from './alert-sources.ts';
import { lostAttention, recipientsAttention, suspicionAttention, unprotectedAttention } from './attention.ts';
import { type Book, EMPTY_BOOK, note, recall } from './book.ts';
import type { Chain } from './chain.ts';
import { decide, type Interval, type Move } from './cycle.ts';
import { Deliveries } from './deliveries.ts';
import { count, countDelivery, NO_FIGURES } from './figures.ts';
import type { Connection, GateLink, GateLinkPorts } from './gate-link.ts';
import { type JobRunner, runProtect, runSeal, runShip, runSweep } from './jobs.ts';
import type { LinkProofs } from './link-proofs.ts';
import type { VaultMount } from './mount-unit.ts';
import { outcomeOf } from './outcome.ts';
import { paceOf } from './pace.ts';
import type { Figures, KeeperReads, KeeperStatus, SourceStatus } from './ports.ts';
import { proofTestAttention } from './proof-test.ts';

const STEP_MS = 200;
const CHECK_MS = 10_000;
/** Wait this long after a connection before the next; four times as long after each further failure in one window. */
const RETRY_MS = 1000;
const LONGEST_RETRY_MS = 15 * 60_000;
/** A ledger that has not answered for this long cannot be counted on. */
const LEDGER_MS = 10_000;

/** Most objects that one connection is prolonged for: to remove them, and to look at their locks, which cannot wait for ever. */
const MOST_REMOVED = 2000;
const MOST_LOCKS = 20_000;
/** A hundred thousand objects take about that long for the first time. What is not protected then is in the next connection. */
const PROTECT_MS = 30_000;

/** So many lost packs are named in one entry; `verify` names them all. */
const LOST_TOLD = 20;

/** So many reasons the gate takes in one report. */
const MOST_ATTENTION = 50;

const WAITING = 'Waiting for the next window.';
const AWAITING_UPLINK = 'Waiting for the uplink.';

export interface SourceSetup {
  readonly name: string;
  readonly kind: string;
  /** It lies beyond this box: without the uplink, where there is one, it cannot be sealed. */
  readonly network: boolean;
  /** As the seal job wants it. */
  readonly request: SealRequest['source'];
}

export interface KeeperSetup {
  readonly appliance: string;
  readonly version: string;
  /** How often relays, contacts and proofs are to be tested, ms. */
  readonly proofTestMs: number;
  readonly sources: readonly SourceSetup[];
  readonly alertSources: readonly AlertSourceSetup[];
  readonly seal: Omit<SealRequest, 'source' | 'wall' | 'recipients'>;
  readonly ship: Pick<Extract<ShipRequest, { type: 'ship' }>, 'store' | 'staging' | 'index' | 'vaultId' | 'verifyKey'>;
  /** What is kept, and how long it stays after it was said to go; absent where nothing ever expires. */
  readonly keep?: Pick<Extract<SweepRequest, { type: 'sweep' }>, 'rules' | 'graceMs'>;
  /** The store has locks, which have to be extended whether anything expires or not. */
  readonly locks: boolean;
  /** What was shipped is made immutable. */
  readonly immutable: boolean;
  readonly workingCopies?: KeeperStatus['workingCopies'];
}

export interface StagedBatch {
  readonly batch: string;
  readonly source: string;
  readonly wall: number;
  readonly files: number;
  readonly bytes: number;
  readonly partial: boolean;
  /** The appliance doubts the source. */
  readonly suspicious: boolean;
}

export interface KeeperPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly ledger: LedgerReads & LedgerWrites;
  readonly runner: JobRunner;
  createGateLink(ports: Omit<GateLinkPorts, 'path' | 'clock' | 'log'>): Lease;
  windowAt(wall: number): Interval | undefined;
  nextWindow(wall: number): Interval | undefined;
  clockTrusted(): Promise<boolean>;
  /** Public keys, base64, to which the next sealing encrypts. */
  recipients(): Promise<readonly string[]>;
  readonly proofs: Pick<LinkProofs, 'read' | 'caveats' | 'start' | 'follow' | 'stop'>;
  readonly mount: VaultMount;
  /** Finished batches in staging, oldest first. */
  staged(): Promise<readonly StagedBatch[]>;
  /** Packs that ship or `verify` found damaged or gone in the vault, oldest finding first. */
  lost(): Promise<readonly { pack: string; problem: string }[]>;
  /**
   * Signs a record's body, or throws saying why not. `head` is the hash the finished record will have. A tombstone is signed only with
   * `graceEnds`, milliseconds since the epoch: nothing it names may go sooner.
   */
  sign(heads: readonly string[], body: string, graceEnds?: number): { signature: string; seq: number; head: string };
  /** Hashes the newest commit record in the store may have. */
  heads(chain: Chain): string[];
}

/** What the keeper needs of its end of the lease. */
export type Lease = Pick<GateLink, 'view' | 'unrecorded' | 'start' | 'stop' | 'report' | 'connect'>;

/**
 * The cycle: seal while isolated, connect, ship, verify, isolate. Asks the gate for everything and holds nothing
 * itself: when this process stops, the lease lapses and the relay drops.
 */
export class Keeper implements KeeperReads {
  readonly #setup: KeeperSetup;
  readonly #ports: KeeperPorts;
  readonly #link: Lease;
  readonly #alertSources: AlertSources;
  readonly #deliveries = new Deliveries();
  readonly #cancels: (() => void)[] = [];
  readonly #watchers = new Set<() => void>();
  readonly #running = new Map<
    string,
    { readonly state: 'sealing' | 'shipping' } & NonNullable<SourceStatus['progress']>
  >();
  readonly #stopping = new AbortController();
  #book: Book = EMPTY_BOOK;
  #figures: Figures = NO_FIGURES;
  #window: Interval | undefined;
  #finishedWindow = 0;
  #seals: Promise<unknown> = Promise.resolve();
  #sealing = 0;
  #stagingFull = false;
  /** Sources whose sealing the uplink's loss cut short, or kept from beginning. */
  readonly #cutShort = new Set<string>();
  /** Aborted when the uplink goes away from under what is being sealed. */
  #uplinkUse: AbortController | undefined;
  #hasUplink = false;
  #connecting: Promise<void> | undefined;
  #lastConnectionEnded = Number.NEGATIVE_INFINITY;
  #failedConnections = 0;
  #lastSealMs: number | undefined;
  #staged: readonly StagedBatch[] = [];
  #clockTrusted = false;
  #ledgerFault: string | undefined;
  #activity = 'Starting.';
  #gateSeenWall = 0;
  #ledgerSeq = 0;
  /** Entries on their way into the ledger. */
  #appending = 0;

  constructor(setup: KeeperSetup, ports: KeeperPorts) {
    this.#setup = setup;
    this.#ports = ports;
    this.#alertSources = new AlertSources(setup.alertSources, ports.clock, (type, data) => this.#note(type, data));
    this.#link = ports.createGateLink({
      report: () => ({
        clockTrusted: this.#clockTrusted,
        blocks: this.#blocks(),
        attention: this.#attention().slice(0, MOST_ATTENTION),
        proofs: ports.proofs.read(),
      }),
      record: (record) => this.#recordGate(record),
      changed: (view) => {
        this.#gateSeenWall = ports.clock.wall();
        ports.proofs.follow(view?.link);
        if (view !== undefined) this.#hasUplink = view.uplink !== undefined;
        if (view !== undefined && this.#uplinkAway()) this.#uplinkUse?.abort('The uplink was isolated.');
        this.#changed();
        this.#step();
      },
    });
  }

  /** Remembers from the ledger, then begins to keep the schedule. The ledger must have been started. */
  async start(): Promise<void> {
    this.#book = await recall(this.#ports.ledger);
    this.#staged = await this.#ports.staged();
    this.#clockTrusted = await this.#ports.clockTrusted();
    // Before the first report: whoever was silent blocks from the beginning.
    this.#alertSources.start(this.#book, this.#clockTrusted);
    await this.#append('keeper.started', { version: this.#setup.version, staged: this.#staged.length }, true);
    this.#activity = WAITING;
    // What a keeper that was killed has left; its lease has lapsed.
    await this.#unmount();
    // A reading that changes is the gate's in the same turn: it is what isolates.
    this.#ports.proofs.start(() => {
      this.#link.report();
      this.#changed();
    });
    this.#link.start();
    this.#cancels.push(this.#ports.clock.every(STEP_MS, () => this.#step()));
    this.#cancels.push(this.#ports.clock.every(CHECK_MS, () => void this.#check()));
  }

  /** Ends the jobs, lets go of the link, and says so in the ledger. */
  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    for (const cancel of this.#cancels.splice(0)) cancel();
    this.#stopping.abort('The keeper is stopping.');
    this.#ports.proofs.stop();
    this.#link.stop();
    await Promise.allSettled([this.#seals, this.#connecting]);
    this.#alertSources.stop();
    this.#tellUnrecorded(Number.POSITIVE_INFINITY);
    await this.#append('keeper.stopped', {}, true);
  }

  status(): KeeperStatus {
    const { clock } = this.#ports;
    const wall = clock.wall();
    const view = this.#link.view;
    const window = this.#ports.windowAt(wall);
    const next = this.#ports.nextWindow(wall);
    return {
      appliance: this.#setup.appliance,
      version: this.#setup.version,
      wall,
      ...(view === undefined ? {} : { gate: { view, receivedWall: this.#gateSeenWall } }),
      ...(window === undefined ? {} : { window }),
      ...(next === undefined ? {} : { nextWindow: next }),
      sources: this.#setup.sources.map(({ name, kind }) => this.#sourceStatus(name, kind)),
      alertSources: this.#alertSources.status(),
      ...(this.#book.lastWindow === undefined ? {} : { lastWindow: this.#book.lastWindow }),
      activity: this.#activity,
      attention: this.#attention(),
      ...(this.#setup.workingCopies && { workingCopies: this.#setup.workingCopies }),
      proofs: this.#ports.proofs.read(),
      figures: this.#figures,
      ledgerSeq: this.#ledgerSeq,
    };
  }

  watch(listener: () => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  /** Seals now; what comes of it ships in this window or the next. Rejects with the first source's error. */
  async sync(source?: string): Promise<void> {
    const chosen = this.#setup.sources.filter(({ name }) => source === undefined || name === source);
    if (chosen.length === 0) {
      const names = this.#setup.sources.map(({ name }) => name).join(', ');
      throw new PortcullisError('usage.wrong', `There is no source ${source ?? ''}: there are ${names}.`);
    }
    const failures = await this.#seal(chosen, 0);
    if (failures[0] !== undefined) throw failures[0];
    const cut = chosen.find(({ name }) => this.#cutShort.has(name));
    if (cut !== undefined) {
      const what = `${cut.name} is not sealed, for the uplink is not connected: it is sealed once that is back.`;
      throw new PortcullisError('job.stopped', what);
    }
  }

  /** A person has looked at a suspicious snapshot, and retention goes on. Rejects with `vault.snapshot` when none of that number waits. */
  async clear(seq: number): Promise<void> {
    if (!this.#book.suspicious.has(seq))
      throw new PortcullisError('vault.snapshot', `No suspicious snapshot ${seq} waits to be cleared.`);
    await this.#append('snapshot.cleared', { seq, hash: this.#book.suspicious.get(seq) ?? '' }, true);
  }

  /** What intake says arrived, after it has acted. */
  async recordDelivery(delivery: Delivery): Promise<void> {
    this.#figures = countDelivery(this.#figures, delivery);
    if (this.#alertSources.received(delivery, this.#clockTrusted)) this.#link.report();
    this.#changed();
    const kept = this.#deliveries.admit(delivery, this.#ports.clock.monotonic());
    if (kept === undefined) return;
    const { wall, at: _, ...rest } = kept;
    const data = { ...rest, receivedWall: wall } as { [key: string]: Json };
    await this.#append(`alert.${kept.outcome}`, data, kept.outcome === 'tripped');
  }

  #tellUnrecorded(until: number): void {
    for (const each of this.#deliveries.over(until)) this.#note('alert.unrecorded', { ...each });
  }

  /** Nothing beyond this box can be reached. A gate that does not answer holds no door. */
  #uplinkAway(): boolean {
    return this.#hasUplink && this.#link.view?.uplink !== 'connected';
  }

  #sourceStatus(name: string, kind: string): SourceStatus {
    const running = this.#running.get(name);
    const lastSnapshot = this.#book.lastSnapshots.get(name);
    const lastFailure = this.#book.lastFailures.get(name);
    const waits = this.#staged.some((batch) => batch.source === name);
    return {
      name,
      kind,
      state: running?.state ?? (waits ? 'staged' : 'idle'),
      ...(running === undefined ? {} : { progress: progressOf(running) }),
      ...(lastSnapshot === undefined ? {} : { lastSnapshot }),
      ...(lastFailure === undefined ? {} : { lastFailure }),
    };
  }

  #blocks(): Interlock[] {
    const silent = this.#alertSources.blocks();
    if (this.#ledgerFault === undefined) return silent;
    return [
      ...silent,
      {
        name: 'ledger',
        ok: false,
        reason: this.#ledgerFault.slice(0, 500),
        remedy: 'Free space or repair the ledger; what cannot be recorded is not done.',
      },
    ];
  }

  #attention(): string[] {
    return [
      ...(this.#clockTrusted ? [] : ['The clock is not trusted.']),
      ...this.#ports.proofs.caveats().map((caveat) => caveat.slice(0, 500)),
      ...proofTestAttention(this.#link.view?.proofTest, this.#setup.proofTestMs, this.#ports.clock.wall()),
      ...this.#alertSources.attention(),
      ...lostAttention(this.#book.lostPacks),
      ...unprotectedAttention(this.#setup.immutable ? this.#book.unprotected : undefined),
      ...suspicionAttention([...this.#book.suspicious.keys()]),
      ...recipientsAttention(this.#book.recipients, this.#ports.clock.wall()),
      ...[...this.#book.lastFailures].map(([source, { what }]) => `${source}: ${what}`.slice(0, 500)),
    ];
  }

  /** Looks again at what may have changed by itself: the clock, and a ledger that could not be written. */
  async #check(): Promise<void> {
    if (this.#ledgerFault !== undefined) this.#note('ledger.recovered', { fault: this.#ledgerFault });
    try {
      this.#clockTrusted = await this.#ports.clockTrusted();
    } catch (error) {
      this.#clockTrusted = false;
      this.#ports.log.error('whether the clock is trusted cannot be told', { error });
    }
    await this.#tellLost().catch((error: unknown) =>
      this.#ports.log.error('what is lost from the vault cannot be told', { error }),
    );
  }

  /** Tells the ledger which packs were found damaged or gone since it was told last, whoever found them. */
  async #tellLost(): Promise<void> {
    const lost = await this.#ports.lost();
    const told = this.#book.lostPacks;
    if (lost.length === told) return;
    // Noted at once, in memory too, or the next look would tell it again.
    this.#book = { ...this.#book, lostPacks: lost.length };
    const first = lost.slice(told, told + LOST_TOLD).map(({ pack, problem }) => `${pack}: ${problem}`);
    this.#note('vault.lost', { total: lost.length, added: Math.max(0, lost.length - told), first }, true);
  }

  /** One look at the situation. Everything it begins runs on by itself. */
  #step(): void {
    if (this.#stopping.signal.aborted) return;
    if (this.#alertSources.look(this.#clockTrusted)) {
      this.#link.report();
      this.#changed();
    }
    this.#tellUnrecorded(this.#ports.clock.monotonic());
    const wall = this.#ports.clock.wall();
    const window = this.#ports.windowAt(wall);
    this.#followWindow(window);
    const ended = this.#ports.clock.monotonic() - this.#lastConnectionEnded;
    const moves = decide({
      wall,
      window,
      next: this.#ports.nextWindow(wall),
      sealedFor: this.#book.sealedFor,
      sealing: this.#sealing > 0,
      stagingFull: this.#stagingFull,
      cutShort: this.#cutShort.size,
      lastSealMs: this.#lastSealMs,
      staged: this.#staged.length,
      connecting: this.#connecting !== undefined || ended < RETRY_MS,
      resting: ended < Math.min(LONGEST_RETRY_MS, RETRY_MS * 4 ** this.#failedConnections),
      gate: this.#link.view,
      uplinkAway: this.#uplinkAway(),
    });
    if (this.#sealing === 0 && this.#connecting === undefined) {
      const activity = moves.some((move) => move.do === 'await-uplink') ? AWAITING_UPLINK : WAITING;
      if (activity !== this.#activity) {
        this.#activity = activity;
        this.#changed();
      }
    }
    for (const move of moves) this.#begin(move);
  }

  #begin(move: Move): void {
    switch (move.do) {
      case 'await-uplink':
        return;
      case 'seal':
        this.#sealFor(move.window);
        return;
      case 'seal-again':
        void this.#seal(
          this.#setup.sources.filter(({ name }) => this.#cutShort.has(name)),
          0,
        );
        return;
      case 'connect':
        this.#connectFor(move);
        return;
      default:
        move satisfies never;
    }
  }

  #sealFor({ startWall }: Interval): void {
    const began = this.#ports.clock.monotonic();
    // Noted at once, in memory too, or the next step would begin it again.
    this.#book = { ...this.#book, sealedFor: startWall };
    void this.#seal(this.#setup.sources, startWall).then((failures) => {
      // What was stopped is not finished: the next keeper seals for this window again.
      if (this.#stopping.signal.aborted) return;
      const cutShort = this.#cutShort.size;
      if (cutShort === 0) this.#lastSealMs = this.#ports.clock.monotonic() - began;
      this.#note('sealing.finished', { window: startWall, failed: failures.length, cutShort });
      this.#step();
    });
  }

  #connectFor(move: Extract<Move, { do: 'connect' }>): void {
    const purpose = move.permit === 'window' ? `window ${move.window.name}` : `presence: ${move.reason}`;
    this.#connecting = this.#connect(purpose, move.seconds, move.permit === 'presence')
      .then(
        () => {
          this.#failedConnections = 0;
        },
        (error: unknown) => {
          this.#failedConnections += 1;
          this.#ports.log.warn('the connection ended early', { purpose, error });
        },
      )
      .finally(() => {
        this.#connecting = undefined;
        this.#lastConnectionEnded = this.#ports.clock.monotonic();
        this.#activity = WAITING;
        this.#changed();
      });
  }

  /** Seals one source after the other, after whatever is being sealed already. Returns the errors; each is in the ledger. */
  #seal(sources: readonly SourceSetup[], window: number): Promise<Error[]> {
    this.#sealing += 1;
    const sealed = this.#seals.then(() => this.#sealEach(sources, window));
    this.#seals = sealed.then(() => {
      this.#sealing -= 1;
    });
    return sealed;
  }

  /** Never rejects. What the uplink's loss cuts short is no failure of its source: it is sealed again. */
  async #sealEach(sources: readonly SourceSetup[], window: number): Promise<Error[]> {
    const failures: Error[] = [];
    for (const source of sources) {
      if (this.#stopping.signal.aborted) break;
      this.#cutShort.delete(source.name);
      const uplink = new AbortController();
      if (source.network) this.#uplinkUse = uplink;
      if (source.network && this.#uplinkAway()) uplink.abort('The uplink is not connected.');
      try {
        if (!uplink.signal.aborted) await this.#sealOne(source, window, uplink.signal);
      } catch (error) {
        if (source.network && this.#uplinkAway()) uplink.abort(reasonOf(error));
        if (!uplink.signal.aborted) failures.push(error instanceof Error ? error : new Error(String(error)));
        if (this.#stopping.signal.aborted) break;
        if (!uplink.signal.aborted) {
          this.#ports.log.error('sealing failed', { source: source.name, error });
          this.#note('seal.failed', { source: source.name, what: reasonOf(error) });
        }
      } finally {
        this.#running.delete(source.name);
        this.#activity = WAITING;
        this.#changed();
      }
      if (uplink.signal.aborted) {
        this.#cutShort.add(source.name);
        this.#note('seal.cut_short', { source: source.name, what: String(uplink.signal.reason) });
      }
      this.#step();
    }
    return failures;
  }

  async #sealOne(source: SourceSetup, window: number, uplinkLost: AbortSignal): Promise<void> {
    await this.#append('seal.started', { source: source.name, window });
    this.#activity = `Sealing ${source.name}.`;
    this.#running.set(source.name, { state: 'sealing', files: 0, bytes: 0 });
    const recipients = await this.#recipients();
    const request = { ...this.#setup.seal, recipients, source: source.request, wall: this.#ports.clock.wall() };
    const over = AbortSignal.any([this.#stopping.signal, uplinkLost]);
    const sealed = await runSeal(this.#ports.runner, request, over, {
      pulling: ({ what, done, total }) => {
        const place = total === undefined ? '' : ` (${done} of ${total})`;
        this.#running.set(source.name, { state: 'sealing', files: 0, bytes: 0, what: `${what}${place}` });
        this.#changed();
      },
      progress: ({ files, bytes }) => {
        this.#stagingFull = false;
        this.#activity = `Sealing ${source.name}.`;
        this.#running.set(source.name, { state: 'sealing', files, bytes });
        this.#changed();
      },
      part: () => void this.#lookAtStaging(),
      full: () => {
        if (!this.#stagingFull) this.#note('staging.full', { source: source.name });
        this.#stagingFull = true;
        this.#activity = `Staging is full: sealing ${source.name} goes on when some of it is in the vault.`;
        void this.#lookAtStaging();
      },
    }).finally(() => {
      this.#stagingFull = false;
    });
    const { type: _, problems, ...figures } = sealed;
    await this.#append('seal.done', {
      source: source.name,
      ...figures,
      problems: problems.slice(0, 20),
    });
    this.#staged = await this.#ports.staged();
  }

  /** Whom the next snapshot is encrypted to. That it changed is in the ledger before anything is sealed so. */
  async #recipients(): Promise<string[]> {
    const recipients = [...(await this.#ports.recipients())].sort();
    const before = this.#book.recipients?.keys;
    if (before === undefined || recipients.join() !== before.join())
      await this.#append('recipients.changed', { recipients, before: [...(before ?? [])] }, true);
    return recipients;
  }

  /** Sealing has staged a part, or waits for room: there may be something to connect for. */
  async #lookAtStaging(): Promise<void> {
    try {
      this.#staged = await this.#ports.staged();
      this.#changed();
      this.#step();
    } catch (error) {
      this.#ports.log.error('staging cannot be read', { error });
    }
  }

  /**
   * One connection, from asking to letting go. Ships what is staged, and what gets staged meanwhile. The ledger is told,
   * but never waited for: a disk that hangs must not keep the vault connected.
   */
  async #connect(purpose: string, seconds: number, stay: boolean): Promise<void> {
    const link = await this.#link.connect(purpose, seconds);
    const over = AbortSignal.any([link.lost, this.#stopping.signal]);
    const failure = await this.#ports.mount
      .up(over)
      .then(() => this.#shipAll(over))
      .then(
        () => undefined,
        (error: unknown) => ({ error, what: over.aborted ? String(over.reason) : reasonOf(error) }),
      );
    if (failure !== undefined) this.#note('ship.failed', { what: failure.what, cut: over.aborted });
    else await this.#sweep(over);
    await this.#protect('protect', over);
    if (stay) await this.#stay(link, over);
    await this.#unmount();
    link.release(
      failure === undefined ? 'Everything staged is in the vault and verified.' : `Shipping failed: ${failure.what}`,
    );
    this.#staged = await this.#ports.staged();
    if (failure !== undefined) throw failure.error;
  }

  /** Whatever is left mounted leads nowhere once the link is dead. It is never waited for longer than that takes. */
  async #unmount(): Promise<void> {
    try {
      await this.#ports.mount.down();
    } catch (error) {
      this.#ports.log.error('the vault is still mounted', { error });
      this.#note('vault.unmount_failed', { what: reasonOf(error) });
    }
  }

  async #shipAll(over: AbortSignal): Promise<void> {
    try {
      while (this.#staged.length > 0) await this.#ship(over);
    } finally {
      for (const [source, { state }] of this.#running) if (state === 'shipping') this.#running.delete(source);
    }
  }

  /** After everything is shipped. What goes wrong here is told, and is no failure of the connection: the next one sweeps again. */
  async #sweep(over: AbortSignal): Promise<void> {
    const { keep = { graceMs: 0 }, locks, ship } = this.#setup;
    if (this.#setup.keep === undefined && !locks) return;
    try {
      // Asked now: what was true ten seconds ago is not enough to delete by.
      if (!(await this.#ports.clockTrusted()) || over.aborted) return;
      this.#activity = 'Looking for what has expired.';
      if (this.#setup.keep !== undefined) await this.#protect('expire', over);
      const wall = this.#ports.clock.wall();
      const request = {
        ...ship,
        ...keep,
        type: 'sweep' as const,
        heads: this.#ports.heads(this.#book.chain),
        wall,
        cleared: [...this.#book.cleared],
        most: MOST_REMOVED,
        mostLocks: MOST_LOCKS,
      };
      const { type: _, ...swept } = await runSweep(this.#ports.runner, request, over, {
        // Without rules there is nothing that a tombstone could name.
        sign: ({ body }) => this.#sign(body, this.#setup.keep && wall + keep.graceMs),
        committed: ({ seq, head }) => this.#note('snapshots.buried', { seq, head }, true),
      });
      this.#note('sweep.done', { ...swept });
    } catch (error) {
      this.#note('sweep.failed', { what: over.aborted ? String(over.reason) : reasonOf(error), cut: over.aborted });
    }
  }

  /**
   * Has what is in the vault made immutable, or what has expired let go, by the one process that may. What goes wrong is told, and is no failure of
   * the connection.
   */
  async #protect(verb: 'protect' | 'expire', over: AbortSignal): Promise<void> {
    if (!this.#setup.immutable || over.aborted) return;
    const late = new AbortController();
    const cancel = this.#ports.clock.after(PROTECT_MS, () =>
      late.abort('It took too long; the next connection goes on.'),
    );
    try {
      const signal = AbortSignal.any([over, late.signal]);
      const { type, ...figures } = await runProtect(this.#ports.runner, verb, signal);
      this.#note(`vault.${type}`, { ...figures });
    } catch (error) {
      const what = over.aborted
        ? String(over.reason)
        : late.signal.aborted
          ? String(late.signal.reason)
          : reasonOf(error);
      this.#note('vault.protect_failed', { verb, what, cut: over.aborted });
    } finally {
      cancel();
    }
  }

  /** Durable in the ledger before the signature leaves this process: after a crash the chain still knows what it may meet. */
  async #sign(body: string, graceEnds?: number): Promise<string> {
    const { signature, seq, head } = this.#ports.sign(this.#ports.heads(this.#book.chain), body, graceEnds);
    await this.#append('snapshot.signed', { seq, head }, true);
    return signature;
  }

  /** A person asked for the link: it stays connected until the gate ends it. */
  #stay(link: Connection, over: AbortSignal): Promise<void> {
    this.#activity = 'Connected at the request of a person.';
    this.#changed();
    return new Promise((resolve) => {
      if (over.aborted) return resolve();
      const end = () => {
        cancel();
        resolve();
      };
      const cancel = this.#ports.clock.after(Math.max(0, link.deadline - this.#ports.clock.monotonic()), end);
      over.addEventListener('abort', end, { once: true });
    });
  }

  async #ship(over: AbortSignal): Promise<void> {
    const batches = new Map(this.#staged.map((batch) => [batch.batch, batch]));
    this.#activity = `Shipping ${batches.size} ${batches.size === 1 ? 'snapshot' : 'snapshots'}.`;
    const request = {
      ...this.#setup.ship,
      type: 'ship' as const,
      batches: [...batches.keys()],
      heads: this.#ports.heads(this.#book.chain),
    };
    /** The batch that is being shipped, since its first object was. */
    let current: { readonly batch: string; readonly began: number; readonly before: number } | undefined;
    const shipped = await runShip(this.#ports.runner, request, over, {
      progress: ({ batch, bytes, total }) => {
        const now = this.#ports.clock.monotonic();
        if (current?.batch !== batch) current = { batch, began: now, before: bytes };
        const source = batches.get(batch)?.source;
        const pace = paceOf(bytes - current.before, total - current.before, now - current.began);
        const progress = {
          state: 'shipping' as const,
          files: 0,
          bytes,
          total,
          ...(pace === undefined ? {} : { pace }),
        };
        if (source !== undefined) this.#running.set(source, progress);
        this.#changed();
      },
      sign: ({ body }) => this.#sign(body),
      committed: ({ type: _, batch, ...rest }) => {
        const {
          source = '',
          wall = 0,
          files = 0,
          bytes = 0,
          partial = false,
          suspicious = false,
        } = batches.get(batch) ?? {};
        const shippedBytes = rest.bytes;
        const entry = { ...rest, source, sealedWall: wall, files, bytes, partial, suspicious, shippedBytes };
        this.#note('snapshot.committed', entry, true);
      },
    });
    const { bytes, verifiedBytes, cachedBytes, orphans } = shipped;
    this.#note('ship.done', { bytes, verifiedBytes, cachedBytes, orphans });
    this.#staged = await this.#ports.staged();
    const left = this.#staged.filter(({ batch }) => batches.has(batch)).length;
    if (left > 0) throw new PortcullisError('job.died', `The ship job was done, and ${left} batches were not.`);
  }

  /** Begins and ends the ledger's story of each window. A window is over when it has run out or has nothing left to do. */
  #followWindow(interval: Interval | undefined): void {
    const open = this.#window;
    if (open !== undefined) {
      // What is still on its way into the ledger belongs to the story: the gate's own account above all.
      if (this.#connecting !== undefined || this.#link.unrecorded > 0 || this.#appending > 0) return;
      const ranOut = interval?.startWall !== open.startWall;
      const idle = this.#sealing === 0 && this.#staged.length === 0 && this.#link.view?.link === 'isolated';
      if (!ranOut && !(idle && this.#book.sealedFor >= open.startWall)) return;
      this.#window = undefined;
      this.#finishedWindow = open.startWall;
      this.#note('window.finished', { ...this.#outcomeOf(open) }, true);
      return;
    }
    if (interval === undefined || interval.startWall <= this.#finishedWindow) return;
    // A restart inside a window that has already finished does not tell its story twice.
    if (this.#book.lastWindow?.name === interval.name && this.#book.lastWindow.startWall === interval.startWall) return;
    this.#window = interval;
    this.#failedConnections = 0;
    const { name, startWall, endWall } = interval;
    this.#note('window.opened', { name, startWall, endWall });
  }

  #outcomeOf(interval: Interval): NonNullable<KeeperStatus['lastWindow']> {
    return outcomeOf(interval, {
      story: this.#book.window,
      left: this.#staged.length,
      failed: this.#setup.sources.filter((source) => this.#book.lastFailures.has(source.name)).length,
      cutShort: this.#cutShort.size,
      blocked: this.#link.view?.interlocks.find((interlock) => !interlock.ok && interlock.name !== 'window')?.reason,
    });
  }

  async #recordGate(record: GateRecord): Promise<void> {
    const { boot, seq, at, wall, type, data } = record;
    const known = this.#book.gate;
    if (known !== undefined && known.boot === boot && seq <= known.seq) return;
    await this.#append(type, { ...(data as { [key: string]: Json }), boot, seq, at, gateWall: wall }, true);
  }

  async #append(type: string, data: { readonly [key: string]: Json }, durable = false): Promise<LedgerEntry> {
    const cancel = this.#ports.clock.after(LEDGER_MS, () => this.#ledgerFailed('it does not answer'));
    this.#appending += 1;
    try {
      const entry = await this.#ports.ledger.append(type, data, { durable });
      this.#book = note(this.#book, entry);
      this.#figures = count(this.#figures, entry);
      this.#ledgerSeq = entry.seq;
      this.#ledgerFault = undefined;
      this.#changed();
      return entry;
    } catch (error) {
      this.#ledgerFailed(reasonOf(error));
      throw error;
    } finally {
      this.#appending -= 1;
      cancel();
    }
  }

  /** What cannot be recorded is not done: the gate hears of it at once. */
  #ledgerFailed(reason: string): void {
    this.#ledgerFault = `The ledger cannot be written: ${reason}`;
    this.#link.report();
    this.#changed();
  }

  /** What others of this process have done, for the ledger. */
  note(type: 'notice.delivered' | 'notice.given_up', data: { readonly [key: string]: Json }): void {
    this.#note(type, data);
  }

  /** Appends without waiting. That it failed is an interlock, which `#append` has raised. */
  #note(type: string, data: { readonly [key: string]: Json }, durable = false): void {
    this.#append(type, data, durable).catch((error: unknown) =>
      this.#ports.log.error('an entry is not in the ledger', { type, error }),
    );
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

function progressOf({
  state: _,
  ...progress
}: { readonly state: string } & NonNullable<SourceStatus['progress']>): NonNullable<SourceStatus['progress']> {
  return progress;
}
