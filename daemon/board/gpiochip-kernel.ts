/// <reference path="./epoll.d.ts" />
import { getSystemErrorName } from 'node:util';
import { PortcullisError, reasonOf } from '../base/errors.ts';

const F_SETFL = 4;
const O_NONBLOCK = 0o4000;

/** What Node does not offer of the kernel. */
export interface Kernel {
  /** Carries out one ioctl; what the kernel answers is in `bytes`. Throws an Error with the kernel's `code`. */
  ioctl(descriptor: number, request: number, bytes: Buffer): void;
  /** Makes reads of this descriptor return at once. Throws as `ioctl`. */
  unblock(descriptor: number): void;
  /** Calls `ready` whenever the descriptor has something to read, until the returned function is called. */
  watch(descriptor: number, ready: () => void): () => void;
}

/** Loads the optional packages that reach the kernel. Rejects with `gate.board` where they are missing. */
export async function loadKernel(): Promise<Kernel> {
  const [koffi, { Epoll }] = await load();
  const libc = koffi.load(null);
  const ioctl = libc.func('int ioctl(int descriptor, unsigned long request, void *bytes)');
  const fcntl = libc.func('int fcntl(int descriptor, int command, int flags)');
  const check = (call: string, result: number) => {
    if (result >= 0) return;
    const code = getSystemErrorName(-koffi.errno());
    throw Object.assign(new Error(`${call}: ${code}`), { code });
  };
  return {
    ioctl: (descriptor, request, bytes) => check('ioctl', ioctl(descriptor, request, bytes)),
    unblock: (descriptor) => check('fcntl', fcntl(descriptor, F_SETFL, O_NONBLOCK)),
    watch(descriptor, ready) {
      const epoll = new Epoll(ready);
      epoll.add(descriptor, Epoll.EPOLLIN);
      return () => {
        if (epoll.closed) return;
        epoll.remove(descriptor);
        epoll.close();
      };
    },
  };
}

async function load() {
  try {
    return [(await import('koffi')).default, (await import('epoll')).default] as const;
  } catch (error) {
    const what = `The driver gpiochip needs the optional packages koffi and epoll: ${reasonOf(error)}.`;
    throw new PortcullisError('gate.board', what, { cause: error });
  }
}
