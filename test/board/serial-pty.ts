import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/**
 * A pty of its own process: what the driver opens is the symbolic link, and what is on the other end of the cable is this
 * process's standard input and output. Killing it pulls the cable.
 */
const SCRIPT = `
import os, select, sys, time, tty
master, slave = os.openpty()
tty.setraw(slave)
link = sys.argv[1]
if os.path.lexists(link): os.unlink(link)
os.symlink(os.ttyname(slave), link)
os.close(slave)
os.write(1, b'\\n')
poll = select.poll()
poll.register(0, select.POLLIN)
poll.register(master, select.POLLIN)
while True:
    for fd, event in poll.poll():
        if fd == 0:
            told = os.read(0, 4096)
            if not told: sys.exit()
            os.write(master, told)
        elif event & select.POLLIN:
            heard = os.read(master, 4096)
            os.write(1, b'%d %s\\n' % (time.monotonic_ns(), heard.hex().encode()))
        else:
            time.sleep(0.002)
`;

const PYTHON = '/usr/bin/python3';

/** Why there can be no pty here, or undefined. */
export const noPty: string | undefined =
  spawnSync(PYTHON, ['-c', 'import os; os.openpty()']).status === 0 ? undefined : `${PYTHON} cannot make a pty`;
if (noPty !== undefined) console.warn(`SERIAL BOARDS ARE NOT TESTED OVER A PTY: ${noPty}.`);

export interface Pty {
  /** What the board says. */
  speak(bytes: Uint8Array): void;
  /** The adapter stops taking bytes. */
  freeze(): void;
  /** Pulls the cable. Resolves when the kernel has hung up the port. */
  pull(): Promise<void>;
}

/** Plugs a board in at `link`. `hear` is the board's ear: bytes, and when they came out of the port, monotonic ms. */
export async function plug(link: string, hear: (bytes: Uint8Array, at: number) => void): Promise<Pty> {
  const child = spawn(PYTHON, ['-c', SCRIPT, link], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  await once(child.stdout, 'data');
  let rest = '';
  child.stdout.on('data', (text) => {
    const lines = (rest + String(text)).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      const [nanoseconds, bytes] = line.split(' ');
      hear(Buffer.from(bytes!, 'hex'), Number(nanoseconds) / 1e6);
    }
  });
  child.stdin.on('error', () => {});
  return {
    speak: (bytes) => {
      child.stdin.write(bytes);
    },
    freeze() {
      child.kill('SIGSTOP');
    },
    async pull() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}
