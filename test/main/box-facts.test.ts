import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { RELAY_OFF_FILE } from '../../daemon/board/relay-off.ts';
import { readConfig } from '../../daemon/config/read.ts';
import { boxFacts, offHelperFile } from '../../daemon/main/box-facts.ts';
import { broken } from '../config/samples.ts';

const property = (argv: string) =>
  `{ path=/usr/lib/portcullis/portcullis-relay-off ; argv[]=${argv} ; ignore_errors=no ; start_time=[n/a] ; pid=0 }`;

it('the file of the off-helper is the one its unit names, or the helper’s own', () => {
  expect(offHelperFile(property('/usr/lib/portcullis/portcullis-relay-off'))).toBe(RELAY_OFF_FILE);
  expect(offHelperFile(property('/usr/lib/portcullis/portcullis-relay-off /run/x.env'))).toBe('/run/x.env');
  expect(offHelperFile('')).toBeUndefined();
  expect(offHelperFile(property('/usr/bin/true'))).toBeUndefined();
  expect(offHelperFile('{ path=/bin/true ; argv[]=/bin/true ; ignore_errors=no }')).toBeUndefined();
});

it('a chip or a port that this machine does not have is missing, each told once', async () => {
  const part = (line: number, driver = 'gpiochip') => `{ driver: ${driver}, chip: no-such-chip, line: ${line} }`;
  const text = broken(
    '  driver: simulated\n  directory: board\n',
    `  driver: hardware
  relay: ${part(17)}
  relay2: { driver: serial, model: lcus, port: /nonexistent/tty }
  contacts: [${part(22)}]
  heartbeat: ${part(18, 'onoff')}
`,
  );
  const reading = readConfig(Buffer.from(text), '/etc/portcullis');
  if (!reading.ok) throw new Error(JSON.stringify(reading.faults));
  const { missing, offHelper, hardwareWatchdog } = await boxFacts(reading.config);
  expect(missing).toHaveLength(3);
  expect(missing[0]).toContain('no-such-chip');
  expect(missing[1]).toContain('/nonexistent/tty');
  expect(missing[2]).toMatch(/heartbeat/);
  expect(offHelper).toBe(false);
  if (!existsSync('/dev/watchdog0') && !existsSync('/dev/watchdog')) expect(hardwareWatchdog).toBe(false);
});
