/** Appends until killed, printing the number of each entry once it is acknowledged. */
import { writeSync } from 'node:fs';
import { systemClock } from '../../daemon/base/clock.ts';
import { silentLog } from '../../daemon/base/log.ts';
import { openLedger } from '../../daemon/ledger/ledger.ts';

const ledger = openLedger({ path: process.argv[2] ?? '', clock: systemClock, log: silentLog });
await ledger.start();
for (let n = 0; ; n += 4) {
  const appended = [0, 1, 2, 3].map((k) =>
    ledger.append('t', { n: n + k, fill: 'x'.repeat(300) }, { durable: k === 3 }),
  );
  for (const one of appended) writeSync(1, `${(await one).seq}\n`);
}
