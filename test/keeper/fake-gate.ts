import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Lines, openLines } from '../../daemon/base/lines.ts';
import { SocketDirectory } from '../../daemon/base/listen.ts';
import {
  type GateRecord,
  type GateView,
  type LeaseAnswer,
  type LeaseRequest,
  leaseRequest,
} from '../../daemon/base/protocol.ts';

export function gateView(change: Partial<GateView> = {}): GateView {
  return {
    boot: 'boot',
    link: 'isolated',
    since: 0,
    sinceWall: 0,
    why: 'test',
    latch: { kind: 'clear' },
    readings: { contact: 'dead', device: 'dead', at: 0 },
    led: 'steady-green',
    presence: { kind: 'none' },
    budget: { connections: 0, connectionsMax: 1, seconds: 0, secondsMax: 1 },
    interlocks: [],
    ...change,
  };
}

export function gateRecord(seq: number, change: Partial<GateRecord> = {}): GateRecord {
  return { boot: 'boot', seq, at: 0, wall: 0, type: 'gate.tripped', data: {}, ...change };
}

/** The gate's `lease` socket, saying what a test tells it to. */
export class FakeGate {
  readonly folder: string;
  readonly received: LeaseRequest[] = [];
  conversations = 0;
  #sockets: SocketDirectory;
  #lines: Lines<LeaseAnswer> | undefined;

  private constructor(folder: string) {
    this.folder = folder;
    this.#sockets = new SocketDirectory(folder);
  }

  static async create(): Promise<FakeGate> {
    return new FakeGate(await mkdtemp(join(tmpdir(), 'portcullis-lease-')));
  }

  get path(): string {
    return join(this.folder, 'lease');
  }

  get connected(): boolean {
    return this.#lines !== undefined;
  }

  async start(boot = 'boot'): Promise<void> {
    this.#sockets = new SocketDirectory(this.folder);
    await this.#sockets.serve('lease', (socket) => {
      this.conversations += 1;
      const lines: Lines<LeaseAnswer> = openLines<LeaseRequest, LeaseAnswer>(socket, leaseRequest, {
        message: (message) => void this.received.push(message),
        closed: () => {
          if (this.#lines === lines) this.#lines = undefined;
        },
      });
      this.#lines = lines;
      lines.send({ type: 'hello', boot, ttlMs: 1000 });
      lines.send({ type: 'view', view: gateView({ boot }) });
    });
  }

  say(message: LeaseAnswer): void {
    this.#lines?.send(message);
  }

  cut(): void {
    this.#lines?.close();
  }

  of<T extends LeaseRequest['type']>(type: T): Extract<LeaseRequest, { type: T }>[] {
    return this.received.filter((message): message is Extract<LeaseRequest, { type: T }> => message.type === type);
  }

  /** The gate dies. */
  async stop(): Promise<void> {
    await this.#sockets.stop();
  }

  async dispose(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
