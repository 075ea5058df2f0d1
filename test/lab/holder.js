/**
 * A process that holds a line high by a driver of the built product, and does nothing about its own end:
 * `holder.js DRIVER LABEL LINE`.
 */
const [driver, label, line] = process.argv.slice(2);
const name = { gpiochip: 'GpiochipOutput', onoff: 'OnoffOutput' }[driver];
const output = new (await import(`../../dist/board/${driver}.js`))[name]({ label, line: Number(line), what: 'relay' });
await output.start();
output.write(true);
// A message is the order to die of an exception that nobody catches.
process.on('message', () => {
  throw new Error('as ordered');
});
// Started by systemd it has no channel that would keep it alive.
setInterval(() => {}, 60_000);
process.send?.('held');
