import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { promisify } from 'node:util';
import { reasonOf } from '../base/errors.ts';
import type { NetworkFacts } from '../config/board-rules.ts';

const run = promisify(execFile);
const RTF_UP = 0x1;
const RTF_REJECT = 0x200;

/** What this machine says of its network: addresses, default routes, and how its time servers are reached. */
export async function networkFacts(): Promise<NetworkFacts> {
  const unknown: string[] = [];
  const addresses: Record<string, string[]> = {};
  for (const [name, all] of Object.entries(networkInterfaces()))
    addresses[name] = (all ?? []).map((each) => each.address);
  const table = async (path: string, parse: (text: string) => string | undefined) => {
    try {
      return parse(await readFile(path, 'utf8'));
    } catch (error) {
      unknown.push(`The routes in ${path} cannot be read: ${reasonOf(error)}.`);
      return undefined;
    }
  };
  const routes = [
    await table('/proc/net/route', defaultRoute4),
    await table('/proc/net/ipv6_route', defaultRoute6),
  ].flatMap((name) => (name === undefined ? [] : [name]));
  return { addresses, defaultRoutes: [...new Set(routes)], timeServers: await timeServers(unknown), unknown };
}

/** The interface of the IPv4 default route that is taken, from /proc/net/route. Pure. */
export function defaultRoute4(table: string): string | undefined {
  const rows = table.split('\n').slice(1);
  return nearest(
    rows.flatMap((row) => {
      const [name, destination, , flags = '0', , , metric = '0', mask] = row.trim().split(/\s+/);
      if (name === undefined || Number.parseInt(destination ?? '1', 16) !== 0 || Number.parseInt(mask ?? '1', 16) !== 0)
        return [];
      return [{ name, flags: Number.parseInt(flags, 16), metric: Number(metric) }];
    }),
  );
}

/** The same of IPv6, from /proc/net/ipv6_route. Pure. */
export function defaultRoute6(table: string): string | undefined {
  return nearest(
    table.split('\n').flatMap((row) => {
      const [destination, length, , , , metric = '0', , , flags = '0', name] = row.trim().split(/\s+/);
      if (name === undefined || length !== '00' || !/^0+$/.test(destination ?? '')) return [];
      return [{ name, flags: Number.parseInt(flags, 16), metric: Number.parseInt(metric, 16) }];
    }),
  );
}

function nearest(routes: readonly { name: string; flags: number; metric: number }[]): string | undefined {
  return routes
    .filter(({ flags }) => (flags & RTF_UP) !== 0 && (flags & RTF_REJECT) === 0)
    .sort((a, b) => a.metric - b.metric)[0]?.name;
}

async function timeServers(unknown: string[]): Promise<NetworkFacts['timeServers']> {
  const asked = await Promise.all([
    ask('timedatectl', ['show-timesync', '--property=ServerAddress', '--value']),
    ask('chronyc', ['-n', '-c', 'sources']),
  ]);
  const [timesyncd, chrony] = asked;
  const servers = [
    ...(timesyncd?.trim() ? [timesyncd.trim()] : []),
    // Mode, state, address: a server or a peer, not a clock on this very machine.
    ...(chrony ?? '').split('\n').flatMap((row) => {
      const [mode, , address] = row.split(',');
      return address !== undefined && (mode === '^' || mode === '=') ? [address] : [];
    }),
  ];
  if (servers.length === 0) unknown.push('Neither systemd-timesyncd nor chrony says which time server it uses.');
  const found = await Promise.all(
    servers.map(async (server) => {
      const name = /\bdev (\S+)/.exec((await ask('ip', ['route', 'get', server])) ?? '')?.[1];
      if (name === undefined) unknown.push(`How time server ${server} is reached cannot be told.`);
      return name === undefined ? [] : [{ server, interface: name }];
    }),
  );
  return found.flat();
}

async function ask(program: string, args: string[]): Promise<string | undefined> {
  try {
    return (await run(program, args, { timeout: 3000 })).stdout;
  } catch {
    return undefined;
  }
}
