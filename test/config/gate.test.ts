import { describe, expect, it } from 'vitest';
import { formatFaults } from '../../daemon/config/fault.ts';
import { compileGate } from '../../daemon/config/gate.ts';
import { readConfig } from '../../daemon/config/read.ts';
import { gateConfig } from '../../daemon/gate/config.ts';
import { broken } from './samples.ts';

/** gate.json as the gate reads it, of a hardware board with `parts`. */
function compiled(parts: string) {
  const hardware = `  driver: hardware\n  relay: {driver: serial, model: lcus, port: /dev/ttyUSB0}\n${parts}`;
  const reading = readConfig(Buffer.from(broken('  driver: simulated\n  directory: board\n', hardware)), '/etc');
  if (!reading.ok) throw new Error(formatFaults('', reading.faults));
  return gateConfig(JSON.parse(JSON.stringify(compileGate(reading.config, 'box'))));
}

describe('gate.json', () => {
  it('names the proofs the keeper must report, and leaves how they are taken to the keeper', () => {
    const probe = '  probe: {host: nas.lan, port: 445}\n';
    expect(compiled('').reported).toEqual({});
    expect(compiled('  carrier: eth0\n').reported).toEqual({ carrier: 'eth0' });
    expect(compiled(probe).reported).toEqual({ probe: expect.stringContaining(' port ') });
    const both = compiled(`${probe}  carrier: eth0\n`);
    expect(both.reported).toEqual({ carrier: 'eth0', probe: expect.stringContaining(' port ') });
    expect(Object.keys(both.board)).not.toContain('probe');
  });

  it.each(['192.0.2.7', 'fd00::7', 'nas', 'nas.example.org', '3com.lan'])('takes %s to be probed', (host) => {
    expect(compiled(`  probe: {host: "${host}", port: 445}\n`).reported).toEqual({
      probe: expect.stringContaining(' port '),
    });
  });
});
