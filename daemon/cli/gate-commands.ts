import { durationMs } from '../base/duration.ts';
import { PortcullisError } from '../base/errors.ts';
import type { Command, Context } from './command.ts';
import { askForPress } from './press.ts';
import { awaitView, requestPresence, trip } from './sockets.ts';

export const tripCommand: Command = {
  name: 'trip',
  about: 'Isolate the vault now and lock it until somebody resets it at the box.',
  positionals: [],
  options: { reason: { type: 'string', short: 'r', value: 'TEXT', about: 'What the ledger and the page shall say.' } },
  examples: ['portcullis trip', 'portcullis trip --reason "agent 7 deletes volumes"'],
  async run(args, context) {
    const { appliance } = await context.loadConfig(args.configPath);
    const askedAt = context.clock.monotonic();
    const reason = args.text('reason') ?? 'Tripped from the command line.';
    const { commandedAt, durable } = await trip(appliance.runtime, { kind: 'command', reason: reason.slice(0, 500) });
    const latencyMs = Math.max(0, commandedAt - askedAt);
    if (args.json) context.out(`${JSON.stringify({ tripped: true, durable, latencyMs })}\n`);
    else context.out(`Tripped: the relay was commanded off ${latencyMs.toFixed(2)} ms after this command asked.\n`);
    if (!durable)
      throw new PortcullisError('gate.latch', 'The vault is isolated, but the lockout could not be written to disk.');
    return 0;
  },
};

export const resetCommand: Command = {
  name: 'reset',
  about: 'Ask for a lockout or fault to be reset; somebody must press the button at the box.',
  positionals: [],
  options: { reason: { type: 'string', short: 'r', value: 'TEXT', about: 'Why it is safe again, for the ledger.' } },
  examples: ['portcullis reset --reason "agent disabled, key revoked"'],
  async run(args, context) {
    const { appliance } = await context.loadConfig(args.configPath);
    await withPresence(context, args.json, appliance.runtime, {
      verb: 'reset',
      reason: args.text('reason') ?? 'reset',
    });
    await awaitView(appliance.runtime, (view) => view.latch.kind === 'clear', context.interrupted);
    context.out(
      args.json ? `${JSON.stringify({ reset: true })}\n` : 'Reset. The vault is isolated; the schedule goes on.\n',
    );
    return 0;
  },
};

export const connectCommand: Command = {
  name: 'connect',
  about: 'Ask for the vault to be connected off schedule; somebody must press the button at the box.',
  positionals: [],
  options: {
    for: { type: 'string', value: 'DURATION', about: 'How long, for example 10m. Required.' },
    reason: { type: 'string', short: 'r', value: 'TEXT', about: 'Why, for the ledger. Required.' },
    'proof-test': {
      type: 'boolean',
      about: 'Begin with a test of relays, contacts and proofs, whether one is due or not.',
    },
  },
  examples: [
    'portcullis connect --for 10m --reason "restore of orders.db"',
    'portcullis connect --for 1m --reason "after rewiring" --proof-test',
  ],
  async run(args, context) {
    const ms = durationMs(args.text('for') ?? '');
    const reason = args.text('reason');
    if (ms === undefined || ms < 1000)
      throw new PortcullisError('usage.wrong', 'connect needs --for with a duration such as 10m.');
    if (reason === undefined) throw new PortcullisError('usage.wrong', 'connect needs --reason.');
    const { appliance } = await context.loadConfig(args.configPath);
    await withPresence(context, args.json, appliance.runtime, {
      verb: 'connect',
      reason: reason.slice(0, 500),
      seconds: ms / 1000,
      ...(args.flag('proof-test') ? { test: true } : {}),
    });
    const view = await awaitView(
      appliance.runtime,
      ({ link, presence }) => link === 'connected' || (link === 'isolated' && presence.kind === 'none'),
      context.interrupted,
    );
    if (view.link !== 'connected')
      throw new PortcullisError('gate.refused', 'The press was accepted, but the gate did not connect.');
    context.out(
      args.json
        ? `${JSON.stringify({ connected: true, seconds: ms / 1000 })}\n`
        : `Connected for at most ${args.text('for')}. \`portcullis trip\` ends it at once.\n`,
    );
    return 0;
  },
};

async function withPresence(
  context: Context,
  json: boolean,
  runtime: string,
  request: Parameters<typeof requestPresence>[1],
): Promise<void> {
  const press = askForPress(context, json);
  try {
    await requestPresence(runtime, request, press.pending, context.interrupted);
  } finally {
    press.over();
  }
}
