/** The server processes as the command line starts them: one of them in this terminal, or all under one supervisor. */
import { spawn } from 'node:child_process';
import { systemClock } from '../base/clock.ts';
import { makeDirectory } from '../base/durable.ts';
import { PortcullisError } from '../base/errors.ts';
import { dropsWithoutUs } from '../board/coverage.ts';
import { endSimulatedBoard } from '../board/simulated.ts';
import { writeGateFile } from '../cli/gate-file.ts';
import type { Config } from '../config/schema.ts';
import { readIdentity, statePaths } from '../config/state.ts';
import { processLog } from './process.ts';
import { scriptCommand } from './scripts.ts';
import { Supervisor } from './supervisor.ts';

/** Runs until a signal; resolves with the exit status. */
export async function serve(
  what: 'run' | 'gate' | 'intake' | 'keeper',
  config: Config,
  configPath: string,
): Promise<number> {
  const { gateJson } = statePaths(config);
  const commands = {
    gate: scriptCommand('gate', gateJson),
    intake: scriptCommand('intake', configPath),
    keeper: scriptCommand('keeper', configPath),
  };
  return what === 'run' ? await supervise(config, configPath, commands) : await inPlace(commands[what]);
}

function inPlace([program = '', ...args]: string[]): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit' });
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
}

async function supervise(
  config: Config,
  configPath: string,
  commands: Record<'gate' | 'intake' | 'keeper', string[]>,
): Promise<number> {
  const log = processLog('run');
  if (!dropsWithoutUs(config.board)) {
    throw new PortcullisError(
      'gate.unsafe',
      'Nothing outside these processes drops the relay of this board when they die.',
    );
  }
  // Whoever starts everything by hand means the configuration as it stands; what permits more still waits at the gate.
  await writeGateFile(config, (await readIdentity(statePaths(config).identity)).id);
  await makeDirectory(config.appliance.runtime, 0o750);
  let end: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });
  const specs = (['gate', 'intake', 'keeper'] as const).map((name) => ({ name, command: commands[name] }));
  const supervisor = new Supervisor(specs, systemClock, log, () => end(2));
  let signals = 0;
  process.removeAllListeners('SIGINT');
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      signals += 1;
      if (signals > 1) process.exit(1);
      end(0);
    });
  }
  supervisor.start();
  log.info('running', { config: configPath, page: `http://${config.web.host}:${config.web.port}/` });
  const code = await ended;
  await supervisor.stop();
  if (config.board.driver === 'simulated') await endSimulatedBoard(config.board.directory, systemClock);
  return code;
}
