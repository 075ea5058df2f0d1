import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { eventually } from './helpers.ts';

/** A real sshd for this user on the loopback, with keys of its own. */
export interface Sshd {
  readonly port: number;
  /** The line of its public key. */
  readonly hostKey: string;
  /** The file of the private key it takes. */
  readonly key: string;
  readonly user: string;
  /** What it has logged. */
  log(): string;
  /** Replaces the lines of authorized_keys. `options` stand before the key. */
  permit(options: string | undefined): void;
  stop(): Promise<void>;
}

/** `lines` are added to its configuration. */
export async function startSshd(folder: string, lines: readonly string[] = []): Promise<Sshd> {
  const at = (name: string) => join(folder, name);
  // sshd wants it, and a system whose sshd has never run does not have it.
  if (process.geteuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  for (const name of ['host', 'client'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', at(name)]);
  const publicKey = readFileSync(at('client.pub'), 'utf8');
  const permit = (options: string | undefined) =>
    writeFileSync(
      at('authorized_keys'),
      options === undefined ? '' : `${options}${options === '' ? '' : ' '}${publicKey}`,
    );
  permit('');
  const port = await freePort();
  const config = [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${at('host')}`,
    `PidFile ${at('pid')}`,
    `AuthorizedKeysFile ${at('authorized_keys')}`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    ...lines,
  ];
  writeFileSync(at('sshd_config'), config.map((line) => `${line}\n`).join(''));
  const child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', at('sshd_config')], { stdio: ['ignore', 'ignore', 'pipe'] });
  let logged = '';
  child.stderr.on('data', (chunk) => {
    logged += chunk;
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await eventually(() => {
    if (child.exitCode !== null) throw new Error(`sshd did not start: ${logged}`);
    return logged.includes('Server listening');
  });
  return {
    port,
    hostKey: readFileSync(at('host.pub'), 'utf8').trim(),
    key: at('client'),
    user: userInfo().username,
    log: () => logged,
    permit,
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A way to `port` that lets so many bytes come back, and then is cut or stands still. */
export interface Line {
  readonly port: number;
  /** Bytes that came back. */
  readonly passed: () => number;
  readonly fired: Promise<void>;
  close(): Promise<void>;
}

export async function lineTo(port: number, most: number, then: 'cut' | 'stall'): Promise<Line> {
  const sockets = new Set<Socket>();
  let passed = 0;
  let fire: () => void = () => {};
  const fired = new Promise<void>((resolve) => {
    fire = resolve;
  });
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.on('data', (chunk: Buffer) => {
      if (passed + chunk.length > most) {
        fire();
        if (then === 'cut') near.destroy();
        else far.pause();
        return;
      }
      passed += chunk.length;
      near.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: portOf(server),
    passed: () => passed,
    fired,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
