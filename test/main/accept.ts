import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';

/**
 * What a socket unit with `Accept=yes` does: serves `path`, and starts the protecting process with `args` once for each conversation, which is its
 * standard input and output.
 */
export async function acceptProtect(path: string, ...args: string[]): Promise<{ close(): Promise<void> }> {
  const script = fileURLToPath(new URL('../../daemon/main/protect.ts', import.meta.url));
  const server: Server = createServer({ pauseOnConnect: true }, (socket) => {
    spawn(process.execPath, ['--import', 'tsx', script, ...args], { stdio: [socket, socket, 'inherit'] });
    // The child has it; here it is only in the way.
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { close: () => new Promise((resolve) => server.close(() => resolve())) };
}
