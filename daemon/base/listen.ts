import { chmod, chown, readFile, unlink } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { basename, join } from 'node:path';
import { errnoOf, PortcullisError, reasonOf } from './errors.ts';

/** Unix has room for this many bytes. Node cuts off a longer path and listens at what is left of it. */
const LONGEST_PATH = 107;
const GROUPS = '/etc/group';

/**
 * Listens on a Unix socket at `path`, replacing a dead one left behind; rejects with `socket.taken` when somebody still
 * answers there. `mode` is the socket's permission: which socket somebody may reach *is* what they may do.
 */
async function listenUnix(path: string, mode: number, accept: (socket: Socket) => void): Promise<Server> {
  if (Buffer.byteLength(path) > LONGEST_PATH)
    throw new PortcullisError('socket.failed', `The path of a socket is too long: ${path}.`);
  if (await answers(path)) throw new PortcullisError('socket.taken', `Another process already answers at ${path}.`);
  await unlink(path).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error;
  });
  const server = createServer(accept);
  server.maxConnections = 256;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new PortcullisError('socket.failed', `Cannot listen at ${path}: ${reasonOf(error)}.`)),
    );
    server.listen(path, resolve);
  });
  await giveToGroup(path);
  await chmod(path, mode);
  return server;
}

/**
 * The socket NAME belongs to the group portcullis-NAME where this machine has such a group and this process may say so;
 * elsewhere (a laptop, a test) to whoever made it. Never to more than that: its mode keeps everybody else out.
 */
async function giveToGroup(path: string): Promise<void> {
  const wanted = `portcullis-${basename(path)}`;
  const groups = await readFile(GROUPS, 'utf8').catch(() => '');
  const id = groups
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === wanted)?.[2];
  if (id === undefined) return;
  try {
    await chown(path, -1, Number(id));
  } catch (error) {
    if (errnoOf(error) !== 'EPERM')
      throw new PortcullisError('socket.failed', `${path} cannot be given to ${wanted}: ${reasonOf(error)}.`);
  }
}

/** Connects to a Unix socket. Rejects with `socket.unreachable`, whose cause is the system's error. */
export function connectUnix(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', (error) =>
      reject(
        new PortcullisError(
          'socket.unreachable',
          `Nothing answers at ${path} (${errnoOf(error) ?? reasonOf(error)}).`,
          { cause: error },
        ),
      ),
    );
  });
}

async function answers(path: string): Promise<boolean> {
  try {
    (await connectUnix(path)).destroy();
    return true;
  } catch {
    return false;
  }
}

/** The Unix sockets one process serves in one directory. */
export class SocketDirectory {
  readonly #path: string;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  constructor(path: string) {
    this.#path = path;
  }

  /** Listens on `name`; the directory must exist. Errors as `listenUnix`. */
  async serve(name: string, accept: (socket: Socket) => void): Promise<void> {
    const server = await listenUnix(join(this.#path, name), 0o660, (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      accept(socket);
    });
    this.#servers.push(server);
  }

  /** Stops listening and cuts every conversation. */
  async stop(): Promise<void> {
    const closed = this.#servers
      .splice(0)
      .map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }
}
