import type { Socket } from 'node:net';
import { join } from 'node:path';
import { connectUnix } from '../../daemon/base/listen.ts';
import { until } from './rig.ts';

/** A client on a raw socket, which may break every rule. */
export class Client {
  readonly received: Record<string, unknown>[] = [];
  readonly socket: Socket;
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    let rest = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.received.push(JSON.parse(line));
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
    });
  }

  static async open(folder: string, name: string): Promise<Client> {
    return new Client(await connectUnix(join(folder, name)));
  }

  send(message: unknown): void {
    this.socket.write(`${JSON.stringify(message)}\n`);
  }

  of(type: string): Record<string, unknown>[] {
    return this.received.filter((message) => message['type'] === type);
  }

  /** Resolves with the `count`th message of `type`. */
  async next(type: string, count = 1): Promise<Record<string, unknown>> {
    await until(() => this.of(type).length >= count);
    return this.of(type)[count - 1] ?? {};
  }

  async cutOff(): Promise<void> {
    await until(() => this.closed);
  }

  close(): void {
    this.socket.destroy();
  }
}
