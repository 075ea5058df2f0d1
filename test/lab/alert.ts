import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { systemClock } from '../../daemon/base/clock.ts';
import { ALERT_SECRET } from './box.ts';

const INTAKE_PORT = 8642;

/** A connection of a monitoring system, made before it is needed. */
export async function toIntake(): Promise<Socket> {
  const socket = createConnection(INTAKE_PORT, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

/** A signed alert that trips, as one piece of bytes. */
export function signedAlert(): string {
  const id = `msg_${randomBytes(8).toString('hex')}`;
  const timestamp = String(Math.floor(systemClock.wall() / 1000));
  const body = JSON.stringify({ action: 'destroy' });
  const signature = createHmac('sha256', ALERT_SECRET).update(`${id}.${timestamp}.${body}`).digest('base64');
  return [
    'POST /alerts/siem HTTP/1.1',
    'host: lab',
    `content-length: ${body.length}`,
    `webhook-id: ${id}`,
    `webhook-timestamp: ${timestamp}`,
    `webhook-signature: v1,${signature}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}

/** What is answered before the connection is closed: the body. */
export async function answerOf(socket: Socket | undefined): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket ?? []) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  return text.slice(text.indexOf('\r\n\r\n') + 4);
}
