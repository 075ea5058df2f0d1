import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { configSchema } from '../../daemon/config/schema.ts';
import { ROOT } from '../architecture/tree.ts';
import { documentedLines } from './tools.ts';

it('the board section in docs/hardware.md is accepted, and its lines are those of the table beside it', () => {
  const [, example = ''] =
    /```yaml\n(board:[\s\S]*?)```/.exec(readFileSync(join(ROOT, 'docs/hardware.md'), 'utf8')) ?? [];
  const board = configSchema.shape.board.parse(parse(example).board);
  if (board.driver !== 'hardware') throw new Error('The example is of a board of hardware.');
  const { relay, relay2, contacts, button, supply, buzzer, heartbeat, led, uplink } = board;
  if (led === undefined || 'driver' in led) throw new Error('The example has an RGB LED.');
  const configured = {
    relay,
    relay2,
    contact: contacts[0],
    button,
    'coil-supply': supply,
    buzzer,
    heartbeat,
    uplink: uplink?.relay,
    'uplink-contact': uplink?.contact,
    'led-red': led.red,
    'led-green': led.green,
  };
  for (const [name, part] of Object.entries({ ...configured, 'led-blue': led.blue }))
    expect(part, name).toMatchObject({ driver: 'gpiochip', line: documentedLines().get(name)?.line });
  // A mirror contact is made while its relay is not; a broken wire then reads as not proven isolated, and not pressed.
  expect(contacts).toMatchObject([{ active: 'low', bias: 'down' }]);
  expect(uplink?.contact).toMatchObject({ active: 'low', bias: 'down' });
  expect(button).toMatchObject({ active: 'high', bias: 'down' });
  expect(supply).toMatchObject({ active: 'high', bias: 'down' });
  expect(Object.keys(configured).length + 1).toBe(documentedLines().size);
});
