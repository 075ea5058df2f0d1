import { parseArgs } from 'node:util';
import { PortcullisError } from '../base/errors.ts';
import type { Arguments, Command, Context, Option } from './command.ts';

const COMMON: Record<string, Option> = {
  config: {
    type: 'string',
    short: 'c',
    value: 'FILE',
    about: 'Configuration file. Default: $PORTCULLIS_CONFIG, then /etc/portcullis/portcullis.yaml.',
  },
  json: { type: 'boolean', about: 'Print JSON for a script to read.' },
  help: { type: 'boolean', short: 'h', about: 'Show this help.' },
};
const DEFAULT_CONFIG = '/etc/portcullis/portcullis.yaml';

/** Runs one command line and returns its exit status: 0 done, 1 failed, 2 wrong use or configuration, 3 refused. */
export async function runCli(argv: readonly string[], commands: readonly Command[], context: Context): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    context.out(overview(commands));
    return name === undefined ? 2 : 0;
  }
  if (name === '--version') {
    context.out(`portcullis ${context.version}\n`);
    return 0;
  }
  const json = rest.includes('--json');
  try {
    const command = commands.find((each) => each.name === name);
    if (command === undefined) throw new PortcullisError('usage.wrong', `There is no command ${name}.`);
    if (rest.includes('--help') || rest.includes('-h')) {
      context.out(help(command));
      return 0;
    }
    return await command.run(parse(command, rest, context), context);
  } catch (error) {
    if (!(error instanceof PortcullisError)) throw error;
    if (json)
      context.out(`${JSON.stringify({ error: { code: error.code, what: error.what, remedy: error.remedy } })}\n`);
    else context.err(`portcullis ${name}: ${error.what}\n  ${error.remedy} [${error.code}]`);
    return error.exit;
  }
}

function parse(command: Command, argv: string[], context: Context): Arguments {
  const options = { ...command.options, ...COMMON };
  const wrong = (what: string) => new PortcullisError('usage.wrong', what);
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({ args: argv, options, allowPositionals: true, strict: true });
  } catch (error) {
    throw wrong(error instanceof Error ? `${error.message.split('. ')[0]}.` : String(error));
  }
  const { values, positionals } = parsed;
  const needed = command.positionals.filter((each) => !each.startsWith('['));
  const missing = needed[positionals.length];
  if (missing !== undefined) throw wrong(`${command.name} needs ${missing}.`);
  const surplus = positionals[command.positionals.length];
  if (surplus !== undefined && !command.positionals.at(-1)?.includes('...'))
    throw wrong(`${command.name} does not take "${surplus}".`);
  const texts = (option: string) => (Array.isArray(values[option]) ? values[option].map(String) : []);
  const text = (option: string) => (typeof values[option] === 'string' ? values[option] : undefined);
  return {
    positionals,
    text,
    texts,
    flag: (option) => values[option] === true,
    json: values['json'] === true,
    configPath: text('config') ?? context.env['PORTCULLIS_CONFIG'] ?? DEFAULT_CONFIG,
  };
}

function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2;
  return [
    'Portcullis: the daemon of a physical air-gap backup appliance.',
    '',
    'Usage: portcullis COMMAND [OPTIONS]',
    '',
    ...commands.map(({ name, about }) => `  ${name.padEnd(width)}${about}`),
    '',
    '`portcullis COMMAND --help` shows options and examples.',
    'Exit status: 0 done, 1 failed, 2 wrong use or configuration, 3 refused (interlock, lockout, permission).',
    '',
  ].join('\n');
}

function help(command: Command): string {
  const options = Object.entries({ ...command.options, ...COMMON }).map(([name, option]) => {
    const short = option.short === undefined ? '    ' : `-${option.short}, `;
    return [`${short}--${name}${option.type === 'string' ? ` ${option.value ?? 'VALUE'}` : ''}`, option.about] as const;
  });
  const width = Math.max(...options.map(([left]) => left.length)) + 2;
  return [
    `${command.about}`,
    '',
    `Usage: portcullis ${[command.name, ...command.positionals, '[OPTIONS]'].join(' ')}`,
    '',
    ...options.map(([left, about]) => `  ${left.padEnd(width)}${about}`),
    '',
    'Examples:',
    ...command.examples.map((example) => `  ${example}`),
    '',
  ].join('\n');
}
