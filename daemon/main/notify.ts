import { getSystemErrorName } from 'node:util';
import { PortcullisError, reasonOf } from '../base/errors.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
/** Bytes of a path in `sockaddr_un`. */
const LONGEST_PATH = 108;

/** The service manager, as far as this process talks to it: sd_notify(3). */
export interface Notify {
  /**
   * Sends one state such as `READY=1`, without waiting. Throws `gate.notify` when it did not arrive: the manager is busy
   * or gone. The socket stays open: the next one may arrive again.
   */
  send(state: string): void;
  /** The same for what has no consequence if nobody hears it. */
  try(state: string): void;
}

/**
 * Opens the way to the service manager named by NOTIFY_SOCKET (a path, or `@` and an abstract name); without one, every
 * send does nothing. Rejects with `gate.notify` where one is named and cannot be reached: a unit that believes in a
 * watchdog that is not there must not start.
 */
export async function openNotify(address: string | undefined): Promise<Notify> {
  if (address === undefined || address === '') return { send: () => {}, try: () => {} };
  const place = encodeAddress(address);
  const koffi = await load(address);
  const libc = koffi.load(null);
  const socket = libc.func('int socket(int domain, int type, int protocol)');
  const sendto = libc.func(
    'long sendto(int socket, const void *bytes, size_t length, int flags, const void *address, unsigned int size)',
  );
  const check = (call: string, result: number): number => {
    if (result < 0) {
      const why = `${call}: ${getSystemErrorName(-koffi.errno())}`;
      throw new PortcullisError('gate.notify', `The service manager cannot be reached at ${address}: ${why}.`);
    }
    return result;
  };
  // Never waits: a manager that does not read must not hold up the loop that it watches.
  const descriptor = check('socket', socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const send = (state: string) => {
    const bytes = Buffer.from(state);
    check('sendto', sendto(descriptor, bytes, bytes.length, MSG_NOSIGNAL, place, place.length));
  };
  send('STATUS=Starting.');
  return {
    send,
    try(state) {
      try {
        send(state);
      } catch {
        // By contract.
      }
    },
  };
}

/** `sockaddr_un`: an abstract name begins with a zero byte and ends with its length. */
function encodeAddress(address: string): Buffer {
  const abstract = address.startsWith('@');
  const name = Buffer.from(abstract ? `\0${address.slice(1)}` : `${address}\0`);
  if ((!abstract && !address.startsWith('/')) || name.length > LONGEST_PATH)
    throw new PortcullisError('gate.notify', `NOTIFY_SOCKET is no Unix socket: ${address}.`);
  const family = Buffer.alloc(2);
  // Native byte order, and Node runs on little-endian machines of ours only.
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, name]);
}

async function load(address: string) {
  try {
    return (await import('koffi')).default;
  } catch (error) {
    const what = `NOTIFY_SOCKET is ${address}, and talking to it needs the optional package koffi: ${reasonOf(error)}.`;
    throw new PortcullisError('gate.notify', what, { cause: error });
  }
}
