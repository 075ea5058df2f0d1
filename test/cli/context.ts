import { systemClock } from '../../daemon/base/clock.ts';
import { PortcullisError } from '../../daemon/base/errors.ts';
import { runCli } from '../../daemon/cli/cli.ts';
import type { Context } from '../../daemon/cli/command.ts';
import { COMMANDS } from '../../daemon/cli/commands.ts';
import { loadConfig } from '../../daemon/config/load.ts';
import { openStore } from '../../daemon/main/stores.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A machine for commands: real files and stores, nobody at the terminal, and of the box only what `more` says. */
export async function runCommand(argv: readonly string[], more: Partial<Context> = {}): Promise<Ran> {
  let out = '';
  let err = '';
  const unused = () => Promise.reject(new Error('not needed here'));
  const context: Context = {
    clock: systemClock,
    env: {},
    version: '0',
    out: (text) => {
      out += text;
    },
    outBytes: async () => {},
    err: (text) => {
      err += `${text}\n`;
    },
    ask: async (question) => {
      throw new PortcullisError('usage.wrong', `Nobody is there to answer "${question}".`);
    },
    terminal: false,
    interrupted: new AbortController().signal,
    loadConfig,
    openStore: (store) => openStore(store, { environment: {}, clock: systemClock }),
    examineStore: unused,
    clockSynchronised: async () => true,
    boxFacts: unused,
    networkFacts: unused,
    serve: unused,
    ...more,
  };
  const code = await runCli(argv, COMMANDS, context);
  return { code, out, err };
}
