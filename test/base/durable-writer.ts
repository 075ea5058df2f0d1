/** Child of durable.test.ts: replaces the file of its argument for ever, and says after each write which content is durable. */
import { writeDurably } from '../../daemon/base/durable.ts';

const [path = ''] = process.argv.slice(2);
for (let number = 1; ; number++) {
  await writeDurably(path, `${number}\n`.repeat(20_000));
  process.stdout.write(`${number}\n`);
}
