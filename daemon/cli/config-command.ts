import { alertRuleFault } from '../alerts/rule-set.ts';
import { errnoOf, hasCode, PortcullisError } from '../base/errors.ts';
import { formatFaults } from '../config/fault.ts';
import { configJsonSchema } from '../config/json-schema.ts';
import { checkConfig } from '../config/load.ts';
import { readIdentity, statePaths } from '../config/state.ts';
import { secretFault } from '../intake/schemes.ts';
import type { Arguments, Command, Context } from './command.ts';
import { judgeOnDisk, writeGateFile } from './gate-file.ts';
import { askForPress } from './press.ts';
import { writeProtect } from './protect-file.ts';
import { writeRelayOff } from './relay-off.ts';
import { applyRules } from './sockets.ts';

export const configCommand: Command = {
  name: 'config',
  about: 'Check the configuration, apply it to the gate, or print its JSON Schema.',
  positionals: ['check|apply|schema'],
  options: {},
  examples: [
    'portcullis config check --config portcullis.yaml',
    'portcullis config apply',
    'portcullis config schema > portcullis.schema.json',
  ],
  async run(args, context) {
    switch (args.positionals[0]) {
      case 'schema':
        context.out(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
        return 0;
      case 'check': {
        const sound = await check(args, context);
        if (sound) context.out(args.json ? `${JSON.stringify({ faults: [] })}\n` : `${args.configPath} is sound.\n`);
        return sound ? 0 : 2;
      }
      case 'apply':
        return (await check(args, context)) ? await apply(args, context) : 2;
      default:
        throw new PortcullisError(
          'usage.wrong',
          `config does not know "${args.positionals[0]}": it takes check, apply or schema.`,
        );
    }
  },
};

/** Looks at everything a check can see: secrets, windows that a change of the clocks would move, this machine's network. Tells the faults. */
async function check(args: Arguments, context: Context): Promise<boolean> {
  const network = await context.networkFacts();
  const around = { wall: context.clock.wall(), environment: context.env, secretFault, alertRuleFault, network };
  const faults = await checkConfig(args.configPath, around);
  if (faults.length > 0)
    context.out(args.json ? `${JSON.stringify({ faults })}\n` : `${formatFaults(args.configPath, faults)}\n`);
  return faults.length === 0;
}

async function apply(args: Arguments, context: Context): Promise<number> {
  const config = await context.loadConfig(args.configPath);
  const { identity, gateJson: written } = statePaths(config);
  // First, and without forgetting what a running gate may still drive: the helper never knows less than the gate.
  await writeRelayOff(args.configPath, config, true);
  const who = await readIdentity(identity);
  const compiled = await writeGateFile(config, who.id);
  await writeProtect(args.configPath, config, who);
  const say = (text: string) => {
    if (!args.json) context.out(`${text}\n`);
  };
  say(`Wrote ${written}.`);
  const press = askForPress(context, args.json);
  let waits: readonly string[] = [];
  const announced = (reasons: readonly string[], until: number) => {
    waits = reasons;
    say(`The rules before hold until somebody at the box accepts what permits more:\n${listed(waits)}`);
    press.pending(until);
  };
  let inForce: 'at-once' | 'presence' | 'next-start';
  try {
    inForce = await applyRules(config.appliance.runtime, announced, context.interrupted);
  } catch (error) {
    if (!isNotRunning(error)) throw error;
    inForce = 'next-start';
    const rules = await judgeOnDisk(config, compiled);
    if (rules.kind === 'waiting') waits = rules.reasons;
  } finally {
    press.over();
  }
  await writeRelayOff(args.configPath, config);
  if (args.json) context.out(`${JSON.stringify({ written, inForce, waits })}\n`);
  switch (inForce) {
    case 'at-once':
      say('In force: nothing in it permits more than the rules before.');
      return 0;
    case 'presence':
      say('Accepted at the box, and in force.');
      return 0;
    case 'next-start':
      say('The gate does not run: it takes this over when it starts.');
      if (waits.length > 0)
        say(`Until somebody at the box accepts it the rules before will hold, because of what permits more:
${listed(waits)}
Once the gate runs, run \`portcullis config apply\` again and press the button.`);
      return 0;
    default:
      return inForce satisfies never;
  }
}

function listed(reasons: readonly string[]): string {
  return reasons.map((reason) => `  - ${reason}`).join('\n');
}

/** Nobody listens: not a gate that this user may not speak to. */
function isNotRunning(error: unknown): boolean {
  return hasCode(error, 'socket.unreachable') && ['ENOENT', 'ECONNREFUSED'].includes(errnoOf(error.cause) ?? '');
}
