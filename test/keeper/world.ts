import { canonical, type Json } from '../../daemon/base/canonical.ts';
import { PortcullisError } from '../../daemon/base/errors.ts';
import { silentLog } from '../../daemon/base/log.ts';
import type { GateRecord, GateView } from '../../daemon/base/protocol.ts';
import { acceptableHeads } from '../../daemon/keeper/chain.ts';
import type { Interval } from '../../daemon/keeper/cycle.ts';
import type { Connection, Report } from '../../daemon/keeper/gate-link.ts';
import {
  Keeper,
  type KeeperPorts,
  type KeeperSetup,
  type Lease,
  type StagedBatch,
} from '../../daemon/keeper/keeper.ts';
import type { VaultMount } from '../../daemon/keeper/mount-unit.ts';
import type { LedgerEntry, LedgerReads, LedgerWrites, PageQuery } from '../../daemon/ledger/ports.ts';
import { FakeClock } from '../base/fake-clock.ts';
import { gateRecord, gateView } from './fake-gate.ts';
import { type FakeJob, FakeRunner } from './fake-runner.ts';

type Data = { readonly [key: string]: Json };

/** A ledger in memory that outlives keepers, refuses when told, and hangs when told. */
export class FakeLedger implements LedgerReads, LedgerWrites {
  readonly entries: LedgerEntry[] = [];
  /** Refuses an entry when it returns true. */
  refuses: (type: string) => boolean = () => false;
  /** What entries are dated by. Default: their number. */
  now: (seq: number) => number = (seq) => seq;
  /** Entries that will never be answered. */
  hangs: (type: string) => boolean = () => false;

  async append(type: string, data: Data): Promise<LedgerEntry> {
    if (this.hangs(type)) return new Promise(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    if (this.refuses(type)) throw new PortcullisError('ledger.failed', 'The disk is full.');
    canonical(data);
    const seq = this.entries.length + 1;
    const entry = { seq, wall: this.now(seq), type, data, previous: '', hash: String(seq) };
    this.entries.push(entry);
    return entry;
  }

  async page({ limit, type }: PageQuery): Promise<LedgerEntry[]> {
    const fitting = this.entries.filter((entry) => type === undefined || [type].flat().includes(entry.type));
    return fitting.slice(-limit).reverse();
  }

  async head(): Promise<LedgerEntry | undefined> {
    return this.entries.at(-1);
  }

  of(type: string): Data[] {
    return this.entries.filter((entry) => entry.type === type).map(({ data }) => data);
  }
}

/** Proofs that say what they are told to. */
export class FakeProofs {
  readings: Report['proofs'] = {};
  attention: string[] = [];
  followed: (string | undefined)[] = [];
  running = false;
  #changed = () => {};

  read = () => this.readings;
  caveats = () => this.attention;
  follow = (link: GateView['link'] | undefined) => void this.followed.push(link);

  start(changed: () => void): void {
    this.running = true;
    this.#changed = changed;
  }

  stop(): void {
    this.running = false;
  }

  show(readings: Report['proofs'], attention: string[] = []): void {
    this.readings = readings;
    this.attention = attention;
    this.#changed();
  }
}

/** A file system that is mounted while somebody says so, and what was asked of it. */
export class FakeMount implements VaultMount {
  mounted = false;
  readonly asked: string[] = [];
  /** What mounting says; undefined mounts. */
  failure: Error | undefined;

  async up(): Promise<void> {
    this.asked.push('up');
    if (this.failure !== undefined) throw this.failure;
    this.mounted = true;
  }

  async down(): Promise<void> {
    this.asked.push('down');
    this.mounted = false;
  }
}

/** What outlives a keeper: how many records there are, and what every view says unless told otherwise. */
interface FakeGateMemory {
  seq: number;
  view: Partial<GateView>;
}

/** The keeper's end of the lease, without a gate behind it. */
export class FakeLink implements Lease {
  view: GateView | undefined;
  unrecorded = 0;
  reports: Report[] = [];
  stopped = false;
  /** Each connection that was asked for. */
  readonly asked: { purpose: string; seconds: number }[] = [];
  readonly released: string[] = [];
  /** What the gate answers; undefined connects. */
  refusal: Error | undefined;
  #lost: AbortController | undefined;
  /** The gate numbers its records, and lives on when the keeper dies. */
  readonly #gate: FakeGateMemory;
  readonly #ports: Parameters<KeeperPorts['createGateLink']>[0];
  readonly #clock: FakeClock;

  constructor(ports: Parameters<KeeperPorts['createGateLink']>[0], clock: FakeClock, gate: FakeGateMemory) {
    this.#ports = ports;
    this.#clock = clock;
    this.#gate = gate;
  }

  start(): void {
    this.show({});
  }

  stop(): void {
    this.stopped = true;
    this.#lost?.abort('The keeper is stopping.');
  }

  report(): void {
    this.reports.push(this.#ports.report());
  }

  async connect(purpose: string, seconds: number): Promise<Connection> {
    this.asked.push({ purpose, seconds });
    if (this.refusal !== undefined) throw this.refusal;
    const lost = new AbortController();
    this.#lost = lost;
    this.show({ link: 'connected' });
    return {
      deadline: this.#clock.monotonic() + seconds * 1000,
      lost: lost.signal,
      release: (reason) => {
        if (lost.signal.aborted) return;
        this.released.push(reason);
        lost.abort(reason);
        this.isolated(1);
      },
    };
  }

  show(change: Partial<GateView>): void {
    this.view = gateView({ ...this.#gate.view, ...change });
    this.#ports.changed(this.view);
  }

  /** The gate isolates by itself. */
  cut(why: string): void {
    this.#lost?.abort(why);
    this.isolated(2);
  }

  isolated(seconds: number): void {
    this.tell({ type: 'gate.isolating', data: { seconds } });
    this.show({ link: 'isolated' });
  }

  tell(change: Partial<GateRecord>): void {
    this.#gate.seq += 1;
    this.unrecorded += 1;
    this.#ports.record(gateRecord(this.#gate.seq, change)).then(
      () => {
        this.unrecorded -= 1;
      },
      () => {},
    );
  }
}

export function sourceOf(job: FakeJob): string {
  const source = job.received[0]?.['source'] as { name: string } | undefined;
  return source?.name ?? '';
}

/** A keeper whose ledger, staging and windows outlive it. */
export class World {
  readonly clock = new FakeClock();
  readonly ledger = new FakeLedger();
  runner = new FakeRunner();
  staged: StagedBatch[] = [];
  /** What each new batch is taken for. */
  suspicious = false;
  keep: KeeperSetup['keep'];
  immutable = false;
  windows: Interval[] = [];
  sources = ['a', 'b'];
  alertSources: KeeperSetup['alertSources'] = [];
  lost: { pack: string; problem: string }[] = [];
  clockTrusted: () => Promise<boolean> = async () => true;
  signed: { heads: readonly string[]; body: string; graceEnds: number | undefined }[] = [];
  readonly proofs = new FakeProofs();
  readonly mount = new FakeMount();
  link!: FakeLink;
  keeper!: Keeper;
  readonly gate: FakeGateMemory = { seq: 0, view: {} };
  #batches = 0;
  #seq = 0;

  /** A window `from` ms from now, `length` ms long. */
  window(from: number, length: number): Interval {
    const startWall = this.clock.wall() + from;
    const window = { name: `w${this.windows.length + 1}`, startWall, endWall: startWall + length };
    this.windows.push(window);
    return window;
  }

  recipients: string[] = ['a'];

  /** A new process: what it remembered is gone. */
  async boot(): Promise<void> {
    this.runner = new FakeRunner();
    this.runner.received = (job, message) => this.play(job, message);
    const ports: KeeperPorts = {
      clock: this.clock,
      log: silentLog,
      ledger: this.ledger,
      runner: this.runner,
      createGateLink: (each) => {
        this.link = new FakeLink(each, this.clock, this.gate);
        return this.link;
      },
      windowAt: (wall) => this.windows.find(({ startWall, endWall }) => startWall <= wall && wall < endWall),
      nextWindow: (wall) => this.windows.find(({ startWall }) => startWall > wall),
      clockTrusted: () => this.clockTrusted(),
      recipients: async () => this.recipients,
      proofs: this.proofs,
      mount: this.mount,
      staged: async () => [...this.staged],
      lost: async () => [...this.lost],
      heads: (chain) => acceptableHeads(chain, 'none'),
      sign: (heads, body, graceEnds) => {
        this.signed.push({ heads, body, graceEnds });
        this.#seq += 1;
        return { signature: `signed ${body}`, seq: this.#seq, head: `head of ${body}` };
      },
    };
    this.keeper = new Keeper(
      {
        appliance: 'box',
        version: '1',
        proofTestMs: 30 * 86_400_000,
        sources: this.sources.map((name) => ({ name, kind: 'git', network: name !== 'local', request: { name } })),
        alertSources: this.alertSources,
        seal: {
          staging: '',
          index: '',
          work: '',
          secret: '',
          vaultId: '',
          stagingLimit: 0,
          maxMemory: 0,
          compression: 3,
          expires: false,
        },
        ship: { store: {}, staging: '', index: '', vaultId: '', verifyKey: '' },
        ...(this.keep === undefined ? {} : { keep: this.keep }),
        locks: false,
        immutable: this.immutable,
      },
      ports,
    );
    await this.keeper.start();
  }

  /** SIGKILL of the keeper, and with it of its jobs: it neither says nor does anything more. */
  crash(): void {
    this.clock.forget();
    this.runner.received = () => {};
    this.link.view = undefined;
  }

  /** What healthy jobs do; a test replaces it, and may fall back on it. */
  play(job: FakeJob, message: Record<string, unknown>): void {
    if (job.kind === 'seal') {
      this.finishSeal(job);
      return;
    }
    if (message['type'] === 'protect') job.say({ type: 'protected', added: 1, total: 2, left: 0 });
    if (message['type'] === 'expire') job.say({ type: 'released', objects: 1 });
    if (message['type'] === 'sweep') job.say({ type: 'done', buried: [], removed: 0, bytes: 0, held: 0, left: 0 });
    if (message['type'] === 'signature' && job.kind === 'sweep') return;
    if (message['type'] === 'ship') for (const batch of message['batches'] as string[]) this.askSignature(job, batch);
    if (message['type'] === 'signature') this.commit(job, String(message['signature']).slice('signed '.length));
  }

  finishSeal(job: FakeJob): void {
    const name = sourceOf(job);
    this.#batches += 1;
    const batch = `${name}${this.#batches}`;
    this.staged.push({
      batch,
      source: name,
      wall: this.clock.wall(),
      files: 1,
      bytes: 10,
      partial: false,
      suspicious: this.suspicious,
    });
    const figures = {
      batch,
      files: 1,
      bytes: 10,
      newBytes: 10,
      packs: 1,
      problemCount: 0,
      problems: [],
      pinnedBytes: 0,
      doubts: [],
    };
    job.say({ type: 'done', ...figures });
  }

  askSignature(job: FakeJob, batch: string): void {
    this.#batches += 1;
    job.say({ type: 'sign', id: this.#batches, batch, body: batch });
  }

  commit(job: FakeJob, batch: string): void {
    this.staged = this.staged.filter((each) => each.batch !== batch);
    const head = `head of ${batch}`;
    job.say({
      type: 'committed',
      batch,
      snapshot: batch,
      seq: this.#seq,
      head,
      bytes: 10,
      verifiedBytes: 10,
      cachedBytes: 0,
    });
    const wanted = job.received[0]?.['batches'] as string[];
    if (!this.staged.some((each) => wanted.includes(each.batch)))
      job.say({ type: 'done', bytes: 10, verifiedBytes: 10, cachedBytes: 0, orphans: 0 });
  }

  /** Lets time pass in small steps, and everything happen that comes of each. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 100) {
      this.clock.advance(Math.min(100, left));
      await this.settle();
    }
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 12; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Time passes until `condition` holds. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.pass(100);
  }
}
