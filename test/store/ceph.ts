import { execFile } from 'node:child_process';
import { accessSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SCRIPT = new URL('../../scripts/ceph-up', import.meta.url).pathname;

interface User {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface Ceph {
  readonly endpoint: string;
  readonly vault: User;
  /** Has room for two objects. */
  readonly small: User;
  stop(): Promise<void>;
}

/** Why there is no Ceph here, or undefined. */
export function noCeph(): string | undefined {
  if (process.env['TEST_CEPH'] === undefined) return 'not asked for: npm run test:ceph';
  const missing = ['ceph-mon', 'ceph-osd', 'radosgw', 'radosgw-admin'].find((program) => !isThere(program));
  return missing === undefined ? undefined : `${missing} is not installed`;
}

function isThere(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program));
      return true;
    } catch {
      return false;
    }
  });
}

export async function startCeph(): Promise<Ceph> {
  const parent = await mkdtemp(join(tmpdir(), 'portcullis-ceph-'));
  const folder = join(parent, 'ceph');
  const { stdout } = await run(SCRIPT, [folder]);
  return {
    ...(JSON.parse(stdout) as Omit<Ceph, 'stop'>),
    async stop() {
      await run(SCRIPT, ['--stop', folder]);
      await rm(parent, { recursive: true, force: true });
    },
  };
}

/** A way to `endpoint` that can be cut. */
export async function cable(endpoint: string): Promise<{ readonly endpoint: string; cut(): Promise<void> }> {
  const { hostname, port } = new URL(endpoint);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = createConnection(Number(port), hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    async cut() {
      for (const socket of sockets) socket.destroy();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}
