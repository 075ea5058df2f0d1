import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { Secret } from '../../daemon/base/secret.ts';
import type { Notice } from '../../daemon/notify/notice.ts';
import { deliver, type TargetSettings } from '../../daemon/notify/target.ts';
import { ImpatientClock } from '../forges/impatient-clock.ts';
import { httpReceiver, mailServer } from './receivers.ts';

const notice: Notice = {
  id: '5f0c',
  key: 'latch',
  severity: 'alarm',
  over: false,
  title: 'LOCKOUT: <b> & "quotes" — ü',
  text: 'An agent destroys.\nSince 2026.',
  wall: Date.parse('2026-11-28T03:00:00Z'),
};
const never = new AbortController().signal;
const cleanUps: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

async function receiver(answer?: () => number | undefined, location?: string) {
  const made = await httpReceiver(answer, location);
  cleanUps.push(() => made.stop());
  return made;
}

const to = (kind: 'webhook' | 'slack' | 'teams' | 'ntfy', url: string, secret?: string): TargetSettings => ({
  name: 'ops',
  kind,
  least: 'info',
  url: Secret.fromText(`${url}\n`),
  ...(secret === undefined ? {} : { secret: Secret.fromText(secret) }),
});
const send = (target: TargetSettings, clock = systemClock) => deliver(target, 'box', notice, clock, never);

describe('a receiver over HTTP', () => {
  it('webhook: JSON, signed as Standard Webhooks', async () => {
    const made = await receiver();
    const key = Buffer.alloc(32, 7);
    await send(to('webhook', made.url, `whsec_${key.toString('base64')}`));
    const [heard] = made.heard;
    expect(JSON.parse(heard?.body ?? '')).toEqual({
      version: 1,
      appliance: 'box',
      id: '5f0c',
      key: 'latch',
      severity: 'alarm',
      over: false,
      title: notice.title,
      text: notice.text,
      time: '2026-11-28T03:00:00.000Z',
    });
    const signed = `${heard?.headers['webhook-id']}.${heard?.headers['webhook-timestamp']}.${heard?.body}`;
    expect(heard?.headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
  });

  it('slack: text in which nothing is markup that was none', async () => {
    const made = await receiver();
    await send(to('slack', made.url));
    const { text } = JSON.parse(made.heard[0]?.body ?? '') as { text: string };
    expect(text).toContain('*box: LOCKOUT: &lt;b&gt; &amp; "quotes" — ü*');
  });

  it('teams: a message with an Adaptive Card', async () => {
    const made = await receiver();
    await send(to('teams', made.url));
    const card = JSON.parse(made.heard[0]?.body ?? '');
    expect(card).toMatchObject({
      type: 'message',
      attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', content: { type: 'AdaptiveCard' } }],
    });
    expect(card.attachments[0].content.body[0]).toMatchObject({ type: 'TextBlock', color: 'attention' });
  });

  it('ntfy: the text, its title and priority in headers, its token beside', async () => {
    const made = await receiver();
    await send(to('ntfy', made.url, 'tk_1'));
    const [heard] = made.heard;
    expect(heard?.headers).toMatchObject({
      title: 'box: LOCKOUT: <b> & "quotes"',
      priority: '5',
      authorization: 'Bearer tk_1',
    });
    expect(heard?.body).toBe(`${notice.title}\n${notice.text}`);
  });

  it.each([404, 500, 302])('that answers %i has not heard, and its address is not told', async (status) => {
    const made = await receiver(() => status);
    const error = await send(to('slack', made.url)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).not.toContain('secret-path');
  });

  it('that sends elsewhere is not followed: what is told, and its signature, are not for whoever is there', async () => {
    const elsewhere = await receiver();
    const made = await receiver(() => 307, elsewhere.url);
    await expect(send(to('webhook', made.url))).rejects.toThrow(/does not answer/);
    expect(made.heard).toHaveLength(1);
    expect(elsewhere.heard).toEqual([]);
  });

  it('that hangs is not waited for longer than a moment', async () => {
    const made = await receiver(() => undefined);
    const clock = new ImpatientClock();
    await expect(send(to('webhook', made.url), clock)).rejects.toThrow('no answer in 15 s');
    expect(clock.waited).toEqual([15_000]);
  });

  it('that is not there is named by its host', async () => {
    const made = await httpReceiver();
    await made.stop();
    await expect(send(to('webhook', made.url))).rejects.toThrow(/^127\.0\.0\.1:\d+ does not answer \(ECONNREFUSED\)$/);
  });
});

describe('mail', () => {
  const mailTo = (port: number, more: object = {}): TargetSettings => ({
    name: 'mail',
    kind: 'email',
    least: 'info',
    host: '127.0.0.1',
    port,
    tls: false,
    from: 'box@example.org',
    to: ['ops@example.org', 'boss@example.org'],
    ...more,
  });

  it('arrives with what it is in the subject', async () => {
    const server = await mailServer();
    cleanUps.push(() => server.stop());
    await send(mailTo(server.port));
    const [mail] = server.mails;
    expect(mail).toMatchObject({ from: 'box@example.org', to: ['ops@example.org', 'boss@example.org'] });
    expect(mail?.data).toMatch(/^Subject: .*ALARM/m);
    expect(mail?.data).toContain('An agent destroys.');
    expect(mail?.data).toMatch(/^Message-ID: <5f0c@portcullis>$/m);
  });

  it('is not sent in the clear to another box, nor its password told', async () => {
    const server = await mailServer('127.0.0.2');
    cleanUps.push(() => server.stop());
    const password = Secret.fromText('recognisable-password');
    // 127.0.0.2 is this box too, but not by a name that says so.
    const error = await send(mailTo(server.port, { host: '127.0.0.2', username: 'u', password })).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).not.toContain('recognisable-password');
    // Without a password the text alone would go out.
    await expect(send(mailTo(server.port, { host: '127.0.0.2' }))).rejects.toThrow(/does not take the mail/);
    expect(server.mails).toEqual([]);
  });
});
