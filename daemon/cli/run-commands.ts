import type { Command } from './command.ts';

const PARTS = {
  run: 'Run everything in this terminal: gate, intake and keeper under one supervisor.',
  gate: 'Run the gate alone.',
  intake: 'Run the intake alone.',
  keeper: 'Run the keeper alone.',
} as const;

export const runCommands: Command[] = (Object.keys(PARTS) as (keyof typeof PARTS)[]).map((name) => ({
  name,
  about: PARTS[name],
  positionals: [],
  options: {},
  examples: [`portcullis ${name} --config portcullis.yaml`],
  run: async (args, context) => context.serve(name, await context.loadConfig(args.configPath), args.configPath),
}));
