#!/usr/bin/env node
/** The `portcullis` command. */
import { systemClock } from '../base/clock.ts';
import { runCli } from '../cli/cli.ts';
import type { Context } from '../cli/command.ts';
import { COMMANDS } from '../cli/commands.ts';
import { loadConfig } from '../config/load.ts';
import { boxFacts } from './box-facts.ts';
import { clockSynchronised } from './clock-trust.ts';
import { networkFacts } from './network.ts';
import { serve } from './run.ts';
import { examineStore, openStore } from './stores.ts';
import { Terminal } from './terminal.ts';
import { version } from './version.ts';

const interrupt = new AbortController();
process.once('SIGINT', () => {
  interrupt.abort();
  // A second one, or nothing left to interrupt: leave as a shell expects.
  process.once('SIGINT', () => process.exit(130));
});

const ports = { environment: process.env, clock: systemClock, signal: interrupt.signal };
const terminal = new Terminal();
const context: Context = {
  clock: systemClock,
  env: process.env,
  version,
  out: (text) => void process.stdout.write(text),
  outBytes: (bytes) =>
    new Promise((resolve, reject) => {
      process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
    }),
  err: (text) => void process.stderr.write(`${text}\n`),
  ask: (question, kind) => terminal.ask(question, kind),
  terminal: process.stdout.isTTY,
  interrupted: interrupt.signal,
  loadConfig,
  openStore: (config) => openStore(config, ports),
  examineStore: (config, runtime) => examineStore(config, runtime, ports),
  clockSynchronised,
  boxFacts,
  networkFacts,
  serve,
};

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', () => process.exit(0));
process.exitCode = await runCli(process.argv.slice(2), COMMANDS, context);
terminal.close();
