import { writeDurably } from '../base/durable.ts';
import { PortcullisError } from '../base/errors.ts';
import { formatFaults } from '../config/fault.ts';
import { compileGate } from '../config/gate.ts';
import { configJsonSchema } from '../config/json-schema.ts';
import { checkConfig } from '../config/load.ts';
import { readIdentity, statePaths } from '../config/state.ts';
import { secretFault } from '../intake/schemes.ts';
import type { Command } from './command.ts';

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
        const faults = await checkConfig(args.configPath, {
          wall: context.clock.wall(),
          environment: context.env,
          secretFault,
        });
        if (args.json) context.out(`${JSON.stringify({ faults })}\n`);
        else
          context.out(
            faults.length === 0 ? `${args.configPath} is sound.\n` : `${formatFaults(args.configPath, faults)}\n`,
          );
        return faults.length === 0 ? 0 : 2;
      }
      case 'apply': {
        const config = await context.loadConfig(args.configPath);
        const paths = statePaths(config);
        const { id } = await readIdentity(paths.identity);
        await writeDurably(paths.gateJson, `${JSON.stringify(compileGate(config, id), null, 2)}\n`, 0o644);
        context.out(
          args.json
            ? `${JSON.stringify({ written: paths.gateJson })}\n`
            : `Wrote ${paths.gateJson}; the gate reads it when it starts.\n`,
        );
        return 0;
      }
      default:
        throw new PortcullisError(
          'usage.wrong',
          `config does not know "${args.positionals[0]}": it takes check, apply or schema.`,
        );
    }
  },
};
