import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { openLines } from '../../daemon/base/lines.ts';
import { SocketDirectory } from '../../daemon/base/listen.ts';
import { type AdminAnswer, type AdminRequest, adminRequest } from '../../daemon/base/protocol.ts';
import { runCli } from '../../daemon/cli/cli.ts';
import type { Context } from '../../daemon/cli/command.ts';
import { connectCommand } from '../../daemon/cli/gate-commands.ts';
import { CONNECTED } from '../web/samples.ts';

let folder: string;
let sockets: SocketDirectory;
let asked: AdminRequest[];
let out: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portcullis-cli-'));
  sockets = new SocketDirectory(folder);
  asked = [];
  out = '';
  // A gate whose button is pressed at once.
  await sockets.serve('admin', (socket) => {
    const lines = openLines<AdminRequest, AdminAnswer>(socket, adminRequest, {
      message: (message) => {
        asked.push(message);
        if (message.type === 'request') lines.send({ type: 'approved', id: message.id });
        if (message.type === 'watch') lines.send({ type: 'view', view: CONNECTED });
      },
      closed: () => {},
    });
  });
});

afterEach(async () => {
  await sockets.stop();
  await rm(folder, { recursive: true });
});

function connect(...argv: string[]): Promise<number> {
  const context = {
    clock: systemClock,
    env: {},
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      out += text;
    },
    interrupted: new AbortController().signal,
    loadConfig: async () => ({ appliance: { runtime: folder } }),
  } as unknown as Context;
  return runCli(['connect', ...argv], [connectCommand], context);
}

it('asks for a connection, and for a proof test only where one is wanted', async () => {
  expect(await connect('--for', '1m', '--reason', 'restore')).toBe(0);
  expect(asked[0]).toEqual({ type: 'request', id: 1, verb: 'connect', reason: 'restore', seconds: 60 });
  asked.splice(0);
  expect(await connect('--for', '1m', '--reason', 'rewired', '--proof-test')).toBe(0);
  expect(asked[0]).toMatchObject({ verb: 'connect', test: true });
});

it('tells of the proof test in its help', async () => {
  expect(await connect('--help')).toBe(0);
  expect(out).toMatch(/--proof-test +Begin with a test/);
  expect(out).toContain('portcullis connect --for 1m --reason "after rewiring" --proof-test');
});
