import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Log, silentLog } from '../../daemon/base/log.ts';
import type { GateRecord } from '../../daemon/base/protocol.ts';
import type { GateConfig, Limits } from '../../daemon/gate/config.ts';
import { GateFiles } from '../../daemon/gate/files.ts';
import { Gate } from '../../daemon/gate/gate.ts';
import type { Answer, Ref } from '../../daemon/gate/state.ts';
import { FakeClock } from '../base/fake-clock.ts';
import { FakeBoard } from '../board/fake-board.ts';

export const LIMITS: Limits = {
  leaseMs: 1000,
  intakeLeaseMs: 1000,
  maxConnectionMs: 60_000,
  maxConnections: 50,
  maxConnectedMs: 600_000,
  minOffMs: 500,
  settleMs: 1000,
  deviceTimeoutMs: 4000,
  presenceMs: 15_000,
  proofTestMs: 30 * 86_400_000,
};

export const CONFIG: GateConfig = {
  version: 1,
  appliance: 'box',
  state: '/state',
  runtime: '/run',
  board: { driver: 'simulated', directory: '/board', vault: '/vault' },
  limits: LIMITS,
  reported: {},
  windows: [{ name: 'always', cron: '0 * * * *', durationMs: 7_200_000, timezone: 'UTC' }],
};

/** Resolves once `condition` holds, looking again at every turn of the event loop. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}

/** Knows when the disk has nothing left to do. */
class WatchedFiles extends GateFiles {
  #pending = 0;

  override writeLatch(...args: Parameters<GateFiles['writeLatch']>): Promise<void> {
    return this.#watch(super.writeLatch(...args));
  }

  override writeMemory(...args: Parameters<GateFiles['writeMemory']>): Promise<void> {
    return this.#watch(super.writeMemory(...args));
  }

  override writeAccepted(...args: Parameters<GateFiles['writeAccepted']>): Promise<void> {
    return this.#watch(super.writeAccepted(...args));
  }

  /** A write that waits for another begins in the turn in which that one ends. */
  async settled(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    await until(() => this.#pending === 0);
  }

  async #watch(write: Promise<void>): Promise<void> {
    this.#pending += 1;
    try {
      await write;
    } finally {
      setImmediate(() => {
        this.#pending -= 1;
      });
    }
  }
}

/** A gate on a fake board and a clock that stands still, with its files on a real disk. */
export class GateRig {
  readonly clock = new FakeClock();
  readonly board = new FakeBoard(this.clock);
  readonly records: GateRecord[] = [];
  readonly errors: string[] = [];
  readonly answers: Answer[] = [];
  /** At the end of each turn of the gate's loop: how many readings of the board had ended by then. */
  readonly turns: number[] = [];
  readonly holder: Ref = 1_000_000;
  readonly folder: string;
  readonly files: WatchedFiles;
  readonly gate: Gate;
  intakeAlive = true;
  keeperRenews = true;

  /** What gate.json says when it is read again. */
  proposal: () => Promise<GateConfig>;

  private constructor(folder: string, config: GateConfig) {
    this.folder = folder;
    this.files = new WatchedFiles(join(folder, 'state'), 'box');
    const log: Log = { ...silentLog, error: (message) => this.errors.push(message) };
    const { board, files, clock } = this;
    this.proposal = async () => config;
    const alive = () => this.turns.push(board.attempts);
    this.gate = new Gate({ board, files, clock, log, config, alive, proposal: () => this.proposal() });
    this.gate.watch({ view: () => {}, record: (record) => this.records.push(record) });
  }

  static async create(limits: Partial<Limits> = {}): Promise<GateRig> {
    const config = { ...CONFIG, limits: { ...LIMITS, ...limits } };
    const rig = new GateRig(await mkdtemp(join(tmpdir(), 'portcullis-gate-')), config);
    await rig.files.create(0, config);
    return rig;
  }

  /** The next gate of this appliance, with what this one has left on the disk. */
  again(config: GateConfig): GateRig {
    return new GateRig(this.folder, config);
  }

  /** Starts, with an intake that lives and a keeper that renews, and lets the minimum off-time pass. */
  async start(): Promise<void> {
    await this.board.start();
    await this.gate.start();
    this.clock.every(250, () => this.renew());
    this.renew();
    this.clock.advance(1000);
  }

  renew(): void {
    if (this.intakeAlive) this.gate.dispatch({ type: 'intake-alive', until: this.clock.monotonic() + 1000 });
    if (!this.keeperRenews) return;
    this.gate.dispatch({ type: 'renew', holder: this.holder });
    const report = { holder: this.holder, clockTrusted: true, blocks: [], attention: [], proofs: {} };
    this.gate.dispatch({ type: 'report', report });
  }

  ask(ms = 30_000): void {
    const ref = this.gate.ref((answer) => this.answers.push(answer));
    this.gate.dispatch({ type: 'connect', holder: this.holder, ref, purpose: 'test', ms });
  }

  async connect(ms?: number): Promise<void> {
    this.ask(ms);
    await until(() => this.board.energised);
    this.clock.advance(50);
    if (this.gate.view.link !== 'connected') throw new Error(`not connected but ${this.gate.view.link}`);
  }

  /** Resolves with the answer to one trip. */
  trip(reason = 'test'): Promise<Answer> {
    return new Promise((resolve) => {
      const ref = this.gate.ref(resolve);
      this.gate.dispatch({ type: 'trip', ref, cause: { kind: 'alert', reason } });
    });
  }

  /** A press as a person gives it. */
  press(): void {
    this.gate.dispatch({ type: 'press' });
    this.clock.advance(100);
    this.gate.dispatch({ type: 'firm' });
    this.clock.advance(100);
    this.gate.dispatch({ type: 'unpress', heldMs: 200 });
  }

  /** Has the gate read gate.json again, which proposes `config`. */
  apply(config: GateConfig): Promise<Answer[]> {
    this.proposal = async () => config;
    const answers: Answer[] = [];
    const ref = this.gate.ref((answer) => answers.push(answer));
    return this.gate.apply(ref).then(() => answers);
  }

  /** A hold of six seconds. */
  hold(): void {
    this.gate.dispatch({ type: 'press' });
    this.clock.advance(6000);
    this.gate.dispatch({ type: 'unpress', heldMs: 6000 });
  }

  /** What the latch's file says once the disk has done everything it was given. */
  async latchOnDisk(): Promise<Record<string, unknown>> {
    await this.files.settled();
    return JSON.parse(await readFile(join(this.folder, 'state', 'latch.json'), 'utf8'));
  }

  types(): string[] {
    return this.records.map(({ type }) => type);
  }

  async dispose(): Promise<void> {
    await this.gate.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
