import { once } from 'node:events';
import { createServer as createHttp, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net';

export interface Heard {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Somebody who is told over HTTP. `answer` gives the status, or undefined: it hears and never answers. */
export async function httpReceiver(answer: () => number | undefined = () => 200, location?: string) {
  const heard: Heard[] = [];
  const listeners: (() => void)[] = [];
  const server = createHttp((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      heard.push({ headers: request.headers, body });
      for (const listener of listeners.splice(0)) listener();
      const status = answer();
      if (status !== undefined) response.writeHead(status, location === undefined ? {} : { location }).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    heard,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/secret-path`,
    /** Resolves once so many were heard. */
    async until(count: number): Promise<void> {
      while (heard.length < count) await new Promise<void>((resolve) => listeners.push(resolve));
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A mail server that takes everything (RFC 5321), and what it was given. */
export async function mailServer(host = '127.0.0.1') {
  const mails: { readonly from: string; readonly to: string[]; readonly data: string }[] = [];
  const server = createTcp((socket) => converse(socket, (mail) => mails.push(mail)));
  server.listen(0, host);
  await once(server, 'listening');
  return {
    mails,
    port: (server.address() as AddressInfo).port,
    async stop() {
      server.close();
      await once(server, 'close');
    },
  };
}

function converse(socket: Socket, done: (mail: { from: string; to: string[]; data: string }) => void): void {
  let mail = { from: '', to: [] as string[], data: '' };
  let inData = false;
  let rest = '';
  const say = (line: string) => socket.write(`${line}\r\n`);
  socket.on('error', () => {});
  say('220 test');
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\r\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (inData) {
        if (line !== '.') mail.data += `${line}\n`;
        else {
          inData = false;
          done(mail);
          mail = { from: '', to: [], data: '' };
          say('250 taken');
        }
      } else if (/^EHLO/i.test(line)) say('250 test');
      else if (/^MAIL FROM:/i.test(line)) {
        mail.from = /<(.*?)>/.exec(line)?.[1] ?? '';
        say('250 ok');
      } else if (/^RCPT TO:/i.test(line)) {
        mail.to.push(/<(.*?)>/.exec(line)?.[1] ?? '');
        say('250 ok');
      } else if (/^DATA/i.test(line)) {
        inData = true;
        say('354 go on');
      } else if (/^STARTTLS/i.test(line)) say('502 not here');
      else if (/^QUIT/i.test(line)) {
        say('221 bye');
        socket.end();
      } else say('250 ok');
    }
  });
}
