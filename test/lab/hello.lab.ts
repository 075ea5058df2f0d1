import { appendFileSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
test('hello', () => { appendFileSync(process.env['LAB_ROWS'] ?? '', `${JSON.stringify({scenario:'hello',expected:'x',measured:readdirSync('/dev').filter((f)=>f.startsWith('gpio')||f.startsWith('watch')).join(' ') + readdirSync('/sys/class/gpio').join(' ') + readdirSync('/sys/module/pinctrl_bcm2835/parameters')})}\n`); expect(1).toBe(1); });
