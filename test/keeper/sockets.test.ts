import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PortcullisError } from '../../daemon/base/errors.ts';
import { silentLog } from '../../daemon/base/log.ts';
import type { Delivery } from '../../daemon/base/protocol.ts';
import type { Keeper } from '../../daemon/keeper/keeper.ts';
import { KeeperSockets } from '../../daemon/keeper/sockets.ts';
import { Client } from '../gate/clients.ts';
import { until } from '../gate/rig.ts';

let folder: string;
let sockets: KeeperSockets;
let deliveries: Delivery[];
let synced: (string | undefined)[];
const clients: Client[] = [];
const delivery: Delivery = { wall: 1, source: 's', outcome: 'tripped', detail: '', bytes: 1, digest: 'd' };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portcullis-keeper-'));
  deliveries = [];
  synced = [];
  const keeper = {
    status: () => ({ activity: 'Waiting.' }),
    sync: async (source?: string) => {
      synced.push(source);
      if (source === 'bad') throw new PortcullisError('source.failed', 'Gone.');
      if (source === 'odd') throw new Error('odd');
    },
    recordDelivery: async (each: Delivery) => {
      deliveries.push(each);
      throw new PortcullisError('ledger.failed', 'Full.');
    },
  } as unknown as Keeper;
  sockets = new KeeperSockets(keeper, folder, silentLog);
  await sockets.start();
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await sockets.stop();
  await rm(folder, { recursive: true });
});

async function open(name: string): Promise<Client> {
  const client = await Client.open(folder, name);
  clients.push(client);
  return client;
}

describe('the control socket', () => {
  it('answers status and sync, and gives the error of a sync its own code', async () => {
    const client = await open('control');
    client.send({ type: 'status', id: 1 });
    expect(await client.next('status')).toEqual({ type: 'status', id: 1, status: { activity: 'Waiting.' } });
    client.send({ type: 'sync', id: 2 });
    expect(await client.next('done')).toEqual({ type: 'done', id: 2 });
    client.send({ type: 'sync', id: 3, source: 'bad' });
    expect(await client.next('failed')).toEqual({ type: 'failed', id: 3, code: 'source.failed', what: 'Gone.' });
    client.send({ type: 'sync', id: 4, source: 'odd' });
    expect(await client.next('failed', 2)).toMatchObject({ id: 4, code: 'job.died' });
    expect(synced).toEqual([undefined, 'bad', 'odd']);
  });

  it('cuts off who records, and the records socket who asks', async () => {
    for (const [name, message] of [
      ['control', delivery],
      ['records', { type: 'status', id: 1 }],
      ['records', { type: 'sync', id: 1 }],
    ] as const) {
      const client = await open(name);
      client.send(message);
      await client.cutOff();
      expect(client.received).toEqual([]);
    }
    expect(deliveries).toEqual([]);
    expect(synced).toEqual([]);
  });
});

describe('the records socket', () => {
  it('takes deliveries and says nothing, whatever the ledger does', async () => {
    const client = await open('records');
    client.send(delivery);
    client.send({ ...delivery, source: 't' });
    await until(() => deliveries.length === 2);
    expect(client.received).toEqual([]);
    expect(client.closed).toBe(false);
  });
});
