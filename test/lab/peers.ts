import { systemClock } from '../../daemon/base/clock.ts';
import { silentLog } from '../../daemon/base/log.ts';
import type { GateView } from '../../daemon/base/protocol.ts';
import { GateClient } from '../../daemon/intake/gate-client.ts';
import { GateLink } from '../../daemon/keeper/gate-link.ts';
import { RUNTIME } from './box.ts';

const ALIVE_MS = 200;

/**
 * Keeper and intake as the gate knows them, in the test's own process, by the code they use themselves. Where the gate is
 * what dies, starting them costs an emulated machine most of its time and shows nothing.
 */
export class Peers {
  readonly #intake = new GateClient(`${RUNTIME}/trip`, systemClock, silentLog);
  readonly #keeper = new GateLink({
    path: `${RUNTIME}/lease`,
    clock: systemClock,
    log: silentLog,
    report: () => ({ clockTrusted: true, blocks: [], attention: [], proofs: {} }),
    record: async () => {},
    changed: (view) => {
      for (const look of this.#waiting) look(view);
    },
  });
  readonly #waiting = new Set<(view: GateView | undefined) => void>();
  #stopAlive = () => {};

  start(): void {
    this.#keeper.start();
    this.#intake.start();
    this.#stopAlive = systemClock.every(ALIVE_MS, () => this.#intake.alive());
  }

  stop(): void {
    this.#stopAlive();
    this.#intake.stop();
    this.#keeper.stop();
  }

  /** Waits until the gate permits it, and resolves once it has measured the link to be alive. */
  async connect(seconds = 30): Promise<void> {
    await this.sees(({ link, interlocks }) => link === 'isolated' && interlocks.every(({ ok }) => ok));
    await this.#keeper.connect('lab', seconds);
  }

  /** Resolves with the next view that fits. A gate that is away is waited for. */
  sees(fits: (view: GateView) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (view: GateView | undefined) => {
        if (view === undefined || !fits(view)) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
  }
}
