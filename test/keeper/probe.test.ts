import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { delay, systemClock } from '../../daemon/base/clock.ts';
import type { Reading } from '../../daemon/base/protocol.ts';
import { type Answer, Probe, tcpDial } from '../../daemon/keeper/probe.ts';
import { FakeClock } from '../base/fake-clock.ts';

/** Attempts that a test answers. */
class Attempts {
  readonly open: { readonly over: AbortSignal; answer(answer: Answer): void }[] = [];
  made = 0;

  dial = (over: AbortSignal): Promise<Answer> => {
    this.made += 1;
    return new Promise((resolve) => {
      const attempt = { over, answer: resolve };
      this.open.push(attempt);
      over.addEventListener('abort', () => resolve('silent'), { once: true });
    });
  };

  /** Answers the newest one. */
  async answer(answer: Answer): Promise<void> {
    this.open.at(-1)?.answer(answer);
    await settle();
  }
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

function begun() {
  const clock = new FakeClock();
  const attempts = new Attempts();
  const probe = new Probe('nas port 445', 1000, clock, attempts.dial);
  const told: Reading[] = [];
  probe.start(() => told.push(probe.find().reading));
  /** Answers the attempt under way and lets the next one begin. */
  const next = async (answer: Answer) => {
    await attempts.answer(answer);
    clock.advance(1000);
  };
  return { clock, attempts, probe, told, next };
}

describe('what attempts add up to', () => {
  it('is unknown before the first answer, alive by one success', async () => {
    const { probe, attempts, told } = begun();
    expect(probe.find()).toEqual({ reading: 'unknown' });
    await attempts.answer('accepted');
    expect(told).toEqual(['alive']);
  });

  it('is dead after three failures in a row, and one success among them begins the count anew', async () => {
    const { probe, told, next } = begun();
    for (const answer of ['accepted', 'silent', 'silent', 'accepted', 'silent', 'silent'] as const) {
      probe.look(true);
      await next(answer);
    }
    expect(told).toEqual(['alive']);
  });

  it('becomes dead at the third failure, not before, and is told once', async () => {
    const { probe, told, next } = begun();
    for (const answer of ['silent', 'silent'] as const) await next(answer);
    expect(probe.find().reading).toBe('unknown');
    await next('silent');
    expect(told).toEqual(['dead']);
    probe.look(true);
    await next('silent');
    expect(told).toEqual(['dead']);
  });

  it.each([
    ['refused', 'The probe is refused by nas port 445: somebody answers there who does not serve this port.'],
    ['nameless', 'The name of the probe nas port 445 cannot be resolved: an address needs no name service.'],
  ] as const)('%s is neither alive nor dead, and says why', async (answer, caveat) => {
    const { probe, attempts, told } = begun();
    await attempts.answer('accepted');
    probe.look(true);
    await attempts.answer(answer);
    expect(probe.find()).toEqual({ reading: 'unknown', caveat });
    expect(told).toEqual(['alive', 'unknown']);
  });
});

describe('when it is tried', () => {
  it('every second while the link may be alive, every 30 s while it lies isolated, at once on a change', async () => {
    const { clock, attempts, probe } = begun();
    await attempts.answer('accepted');
    clock.advance(29_999);
    expect(attempts.made).toBe(1);
    clock.advance(1);
    expect(attempts.made).toBe(2);
    await attempts.answer('accepted');
    probe.look(true);
    expect(attempts.made).toBe(3);
    for (let second = 0; second < 5; second += 1) {
      await attempts.answer('accepted');
      clock.advance(1000);
    }
    expect(attempts.made).toBe(8);
  });

  it('a doubt is followed up every second, isolated or not, until it is settled', async () => {
    const { clock, attempts, next } = begun();
    await next('silent');
    await next('silent');
    await next('silent');
    expect(attempts.made).toBe(3);
    clock.advance(29_000);
    expect(attempts.made).toBe(4);
  });

  it('one that hangs is given up after its time limit and counts as a failure; nothing waits for it', async () => {
    const { clock, attempts, told, probe } = begun();
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      expect(attempts.made).toBe(attempt);
      clock.advance(1000);
      expect(attempts.open[attempt - 1]?.over.aborted).toBe(true);
      await settle();
      // The next one begins a second after this one did, that is at once.
      clock.advance(0);
    }
    expect(told).toEqual(['dead']);
    probe.stop();
    expect(clock.timers).toBe(0);
  });

  it('a change drops the attempt under way, whose answer no longer counts', async () => {
    const { attempts, probe, told } = begun();
    const [stale] = attempts.open;
    probe.look(false);
    expect(stale?.over.aborted).toBe(true);
    stale?.answer('accepted');
    await settle();
    expect(told).toEqual([]);
    expect(attempts.made).toBe(2);
  });

  it('stops from whatever state, and stays stopped', async () => {
    const clock = new FakeClock();
    const attempts = new Attempts();
    const probe = new Probe('x', 1000, clock, attempts.dial);
    probe.stop();
    probe.look(true);
    expect(attempts.made).toBe(0);
    let told = 0;
    probe.start(() => {
      told += 1;
    });
    probe.stop();
    probe.stop();
    probe.look(true);
    await settle();
    clock.advance(60_000);
    expect([attempts.made, told, clock.timers]).toEqual([1, 0, 0]);
    expect(attempts.open[0]?.over.aborted).toBe(true);
  });
});

describe('over real sockets', () => {
  const cleanups: (() => void)[] = [];
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup();
  });

  async function listening(): Promise<{ server: Server; port: number }> {
    const server = createServer();
    cleanups.push(() => server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { server, port: (server.address() as AddressInfo).port };
  }

  /** A server that takes no connection: stopped in the middle, the few that the kernel takes for it used up. */
  async function deafListener(): Promise<{ port: number; free(): void }> {
    const serve = `const server = require('net').createServer((socket) => socket.destroy());
      server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(server.address().port));`;
    const child = spawn(process.execPath, ['-e', serve], { stdio: ['ignore', 'pipe', 'inherit'] });
    cleanups.push(() => child.kill('SIGKILL'));
    const port = Number(String((await once(child.stdout, 'data'))[0]));
    child.kill('SIGSTOP');
    const fillers: Socket[] = [];
    cleanups.push(() => {
      for (const filler of fillers) filler.destroy();
    });
    for (let taken = true; taken; ) {
      const filler = connect(port, '127.0.0.1');
      filler.on('error', () => {});
      fillers.push(filler);
      taken = await Promise.race([once(filler, 'connect').then(() => true), delay(systemClock, 200).then(() => false)]);
    }
    expect(fillers.length).toBeGreaterThan(1);
    return { port, free: () => void child.kill('SIGCONT') };
  }

  it('a listener accepts, and is let go of without a word', async () => {
    const { server, port } = await listening();
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    expect(await tcpDial('127.0.0.1', port)(new AbortController().signal)).toBe('accepted');
    const [socket] = await accepted;
    let bytes = 0;
    socket.on('data', (chunk) => {
      bytes += chunk.length;
    });
    await once(socket, 'close');
    expect(bytes).toBe(0);
  });

  it('a port nobody serves refuses', async () => {
    const { server, port } = await listening();
    server.close();
    await once(server, 'close');
    expect(await tcpDial('127.0.0.1', port)(new AbortController().signal)).toBe('refused');
  });

  it('a name is resolved, and one that does not exist says so', async () => {
    const { port } = await listening();
    expect(await tcpDial('localhost', port)(new AbortController().signal)).toMatch(/^(accepted|refused)$/);
    expect(await tcpDial('nowhere.invalid', port)(AbortSignal.timeout(5000))).toBe('nameless');
  });

  it('a host that does not take the connection is silent as soon as the time limit says so', async () => {
    const { port } = await deafListener();
    const began = systemClock.monotonic();
    expect(await tcpDial('127.0.0.1', port)(AbortSignal.timeout(300))).toBe('silent');
    expect(systemClock.monotonic() - began).toBeLessThan(2000);
  });

  it('is dead while nobody takes the connection, and alive when somebody does', async () => {
    const { port, free } = await deafListener();
    const probe = new Probe('x', 100, systemClock, tcpDial('127.0.0.1', port));
    cleanups.push(() => probe.stop());
    const readings = new Set<Reading>();
    const seen = (reading: Reading) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (probe.find().reading === reading) resolve();
          else systemClock.after(20, look);
        };
        look();
      });
    probe.start(() => readings.add(probe.find().reading));
    probe.look(true);
    await seen('dead');
    free();
    await seen('alive');
    expect([...readings]).toEqual(['dead', 'alive']);
    probe.stop();
  });
});
