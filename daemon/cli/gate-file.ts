import { writeDurably } from '../base/durable.ts';
import { compileGate } from '../config/gate.ts';
import type { Config } from '../config/schema.ts';
import { statePaths } from '../config/state.ts';
import { type GateConfig, gateConfig } from '../gate/config.ts';
import { GateFiles } from '../gate/files.ts';
import type { Rules } from '../gate/state.ts';
import { judgeRules } from '../gate/widening.ts';

/** The gate's part of `config` as the gate reads it. `id` is the appliance's. */
export function compileFor(config: Config, id: string): GateConfig {
  return gateConfig(JSON.parse(JSON.stringify(compileGate(config, id))));
}

/** Compiles gate.json, durably. The gate reads it when it starts, and when it is told to apply it. */
export async function writeGateFile(config: Config, id: string): Promise<GateConfig> {
  const compiled = compileFor(config, id);
  await writeDurably(statePaths(config).gateJson, `${JSON.stringify(compiled, null, 2)}\n`, 0o644);
  return compiled;
}

/** What the gate will make of `compiled`, by the rules that are accepted on this box. */
export async function judgeOnDisk(config: Config, compiled: GateConfig): Promise<Rules> {
  return judgeRules(await new GateFiles(statePaths(config).gateState, compiled.appliance).readAccepted(), compiled);
}
