import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory, writeDurably } from '../base/durable.ts';
import { reasonOf } from '../base/errors.ts';
import { cause } from '../base/protocol.ts';
import { flag, integer, number, type Of, object, optional, text, variants } from '../base/shape.ts';
import { budgetFile, EMPTY_BUDGET } from './budget.ts';
import { type GateConfig, gateConfig } from './config.ts';
import { rulesOf } from './rules.ts';
import type { LatchContent } from './state.ts';

const latchFile = variants('state', {
  clear: { version: integer(1, 1), appliance: text(64) },
  lockout: { version: integer(1, 1), appliance: text(64), cause, wall: number() },
  fault: { version: integer(1, 1), appliance: text(64), cause, wall: number() },
});

/** What the gate keeps on disk besides the latch: budget, latest trusted wall time seen, result of the last proof test. */
const memoryFile = object({
  budget: budgetFile,
  wall: number(0),
  proofTest: optional(object({ wall: number(), passed: flag, detail: text(500) })),
});
export type Memory = Of<typeof memoryFile>;

/**
 * The gate's three durable files in the state directory. Reading never throws: what cannot be read reads as the safe
 * answer, which is lockout for the latch (only `init` and reset create *clear*), a used-up budget, and no accepted rules.
 */
export class GateFiles {
  readonly #latch: string;
  readonly #memory: string;
  readonly #rules: string;
  readonly #state: string;
  readonly #appliance: string;

  constructor(stateDirectory: string, appliance: string) {
    this.#state = stateDirectory;
    this.#latch = join(stateDirectory, 'latch.json');
    this.#memory = join(stateDirectory, 'gate-memory.json');
    this.#rules = join(stateDirectory, 'rules.json');
    this.#appliance = appliance;
  }

  async readLatch(wall: number): Promise<LatchContent> {
    const locked = (reason: string): LatchContent => ({ kind: 'lockout', cause: { kind: 'gate', reason }, wall });
    let read: Of<typeof latchFile>;
    try {
      read = latchFile(JSON.parse(await readFile(this.#latch, 'utf8')));
    } catch (error) {
      return locked(`The latch ${this.#latch} cannot be read: ${reasonOf(error)}.`.slice(0, 500));
    }
    if (read.appliance !== this.#appliance) return locked(`The latch ${this.#latch} belongs to another appliance.`);
    return read.state === 'clear' ? { kind: 'clear' } : { kind: read.state, cause: read.cause, wall: read.wall };
  }

  /** Durable when it resolves. */
  async writeLatch(latch: LatchContent): Promise<void> {
    const { kind: state, ...rest } = latch;
    await writeDurably(this.#latch, `${JSON.stringify({ version: 1, appliance: this.#appliance, state, ...rest })}\n`);
  }

  async readMemory(): Promise<Memory | undefined> {
    try {
      return memoryFile(JSON.parse(await readFile(this.#memory, 'utf8')));
    } catch {
      return undefined;
    }
  }

  /** Durable when it resolves. */
  async writeMemory(memory: Memory): Promise<void> {
    await writeDurably(this.#memory, `${JSON.stringify(memory)}\n`);
  }

  /**
   * The rules that `init` or a person at the box has accepted; undefined where the file is absent, unreadable or of
   * another appliance. Then nothing is accepted, and everything waits for a person.
   */
  async readAccepted(): Promise<GateConfig | undefined> {
    try {
      const accepted = gateConfig(JSON.parse(await readFile(this.#rules, 'utf8')));
      rulesOf(accepted);
      return accepted.appliance === this.#appliance ? accepted : undefined;
    } catch {
      return undefined;
    }
  }

  /** Durable when it resolves. */
  async writeAccepted(accepted: GateConfig): Promise<void> {
    await writeDurably(this.#rules, `${JSON.stringify(accepted)}\n`);
  }

  /**
   * What `init` does: a clear latch, an empty budget and `accepted` as the accepted rules, where there is no file yet.
   * What exists is left as it is.
   */
  async create(wall: number, accepted: GateConfig): Promise<void> {
    await makeDirectory(this.#state);
    if (!existsSync(this.#memory)) await this.writeMemory({ budget: EMPTY_BUDGET, wall });
    if (!existsSync(this.#rules)) await this.writeAccepted(accepted);
    if (!existsSync(this.#latch)) await this.writeLatch({ kind: 'clear' });
  }
}
