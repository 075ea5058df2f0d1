import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';

/** As in systemd/portcullis-protect@.service. */
const CAPABILITIES = ['linux_immutable', 'fowner', 'lease', 'dac_read_search'].map((name) => `+${name}`).join(',');
const AS_UNIT = [
  ...['--reuid=65533', '--regid=65533', '--clear-groups', '--no-new-privs'],
  ...[`--inh-caps=-all,${CAPABILITIES}`, `--ambient-caps=-all,${CAPABILITIES}`, `--bounding-set=-all,${CAPABILITIES}`],
];

/**
 * What the units do: serves `path`, and starts the protecting process with `args` once for each conversation, which is its standard input and
 * output, as a user who owns nothing and with its capabilities. Needs root.
 */
export async function acceptProtect(path: string, ...args: string[]): Promise<{ close(): Promise<void> }> {
  const script = fileURLToPath(new URL('../../daemon/main/protect.ts', import.meta.url));
  const server: Server = createServer({ pauseOnConnect: true }, (socket) => {
    spawn('setpriv', [...AS_UNIT, process.execPath, '--import', 'tsx', script, ...args], {
      stdio: [socket, socket, 'inherit'],
    });
    // The child has it; here it is only in the way.
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { close: () => new Promise((resolve) => server.close(() => resolve())) };
}
