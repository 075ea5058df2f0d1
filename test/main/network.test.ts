import { describe, expect, it } from 'vitest';
import { defaultRoute4, defaultRoute6, networkFacts } from '../../daemon/main/network.ts';

const FOUR = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth1\t00000000\t010200C0\t0003\t0\t0\t200\t00000000\t0\t0\t0
eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth2\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
`;
const zeros = '0'.repeat(32);
const six = (metric: string, flags: string, name: string, length = '00') =>
  `${zeros} ${length} ${zeros} 00 fd${'0'.repeat(29)}1 ${metric} 00000003 00000000 ${flags}     ${name}\n`;

describe('the default route', () => {
  it('of IPv4 is the one that is up and has the smallest metric', () => {
    expect(defaultRoute4(FOUR)).toBe('eth0');
    expect(defaultRoute4(FOUR.replace('0003\t0\t0\t100', '0002\t0\t0\t100'))).toBe('eth1');
    expect(defaultRoute4(FOUR.split('\n').slice(0, 1).join('\n'))).toBeUndefined();
    expect(defaultRoute4('')).toBeUndefined();
  });

  it('of IPv6 is not the one that refuses everything', () => {
    expect(defaultRoute6(six('00000400', '00000003', 'eth1') + six('ffffffff', '00200200', 'lo'))).toBe('eth1');
    expect(defaultRoute6(six('00000400', '00000003', 'eth1') + six('00000100', '00000003', 'eth0'))).toBe('eth0');
    expect(
      defaultRoute6(six('00000400', '00000003', 'eth1', '40') + six('ffffffff', '00200200', 'lo')),
    ).toBeUndefined();
    expect(defaultRoute6('')).toBeUndefined();
  });
});

it('this machine has its loopback address, and what cannot be told is said', async () => {
  const { addresses, timeServers, unknown } = await networkFacts();
  expect(Object.values(addresses).flat()).toContain('127.0.0.1');
  expect(timeServers.length > 0 || unknown.length > 0).toBe(true);
  for (const sentence of unknown) expect(sentence).toMatch(/^[A-Z].*\.$/);
});
