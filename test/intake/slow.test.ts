import { afterAll, beforeAll, expect, test } from 'vitest';
import { authorized, type Bench, bench, head, speak, until } from './helpers.ts';
import { certificateFiles } from './tls-bench.ts';

let intake: Bench;
beforeAll(async () => {
  intake = await bench();
});
afterAll(() => intake.stop());

/** Sends a byte again and again for as long as the server listens to it. */
async function drip(start: string, byte: string): Promise<number> {
  const { socket, answer } = speak(intake.port, start);
  const timer = setInterval(() => socket.write(byte), 100);
  const { status } = await answer;
  clearInterval(timer);
  return status;
}

test.concurrent('a head that never ends is cut', async () => {
  expect(await drip('POST /alerts/prometheus HTTP/1.1\r\nhost: x\r\nx: ', 'x')).toBe(408);
});

test.concurrent('a body that never ends is cut, and being authenticated goes by the policy', async () => {
  await drip(head('/alerts/prometheus', authorized, 4000), 'x');
  const cause = await until(() => intake.gate.causes[0]);
  expect(cause).toMatchObject({ source: 'prometheus', reason: expect.stringContaining('went away') });
});

test.concurrent('a handshake that never ends is cut', async () => {
  const files = certificateFiles();
  const { port, stop } = await bench({ tls: files.paths });
  // A record that promises more than ever comes: the kernel's timeouts would keep it for hours.
  const { socket, answer } = speak(port, Buffer.from('1603010200010001fc0303', 'hex'));
  const timer = setInterval(() => socket.write(Buffer.alloc(1)), 100);
  expect(await answer).toMatchObject({ status: 0 });
  clearInterval(timer);
  await stop();
  files.remove();
});
