import { writeDurably } from '../base/durable.ts';
import { PortcullisError } from '../base/errors.ts';
import { formatFaults } from '../config/fault.ts';
import { compileGate } from '../config/gate.ts';
import { configJsonSchema } from '../config/json-schema.ts';
import { checkConfig } from '../config/load.ts';
import { writeRelayOff } from '../config/relay-off.ts';
import { readIdentity, statePaths } from '../config/state.ts';
import { secretFault } from '../intake/schemes.ts';
import type { Arguments, Command, Context } from './command.ts';

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

/** Looks at everything a check can see: secrets, and windows that a change of the clocks would move. Tells the faults. */
async function check(args: Arguments, context: Context): Promise<boolean> {
  const around = { wall: context.clock.wall(), environment: context.env, secretFault };
  const faults = await checkConfig(args.configPath, around);
  if (faults.length > 0)
    context.out(args.json ? `${JSON.stringify({ faults })}\n` : `${formatFaults(args.configPath, faults)}\n`);
  return faults.length === 0;
}

async function apply(args: Arguments, context: Context): Promise<number> {
  const config = await context.loadConfig(args.configPath);
  const { identity, gateJson } = statePaths(config);
  const { id } = await readIdentity(identity);
  await writeDurably(gateJson, `${JSON.stringify(compileGate(config, id), null, 2)}\n`, 0o644);
  const relayOff = await writeRelayOff(config, args.configPath);
  const wrote = [
    `Wrote ${gateJson}; the gate reads it when it starts.`,
    ...(relayOff === undefined ? [] : [`Wrote ${relayOff}; the off-helper reads it when the gate ends.`]),
  ];
  context.out(args.json ? `${JSON.stringify({ written: gateJson })}\n` : `${wrote.join('\n')}\n`);
  return 0;
}
