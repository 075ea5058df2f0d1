import { describe, expect, it } from 'vitest';
import { documentedLines, read } from './tools.ts';

const lines = read('config.txt').split('\n');
const settings = lines.filter((line) => line !== '' && !line.startsWith('#'));

/** What the firmware's `gpio` lines leave a line as: later ones override earlier ones. */
function attributes(line: number): string[] {
  const found = settings.flatMap((setting) => {
    const [, set, value] = /^gpio=([\d,]+)=([a-z,]+)$/.exec(setting) ?? [];
    return set?.split(',').includes(String(line)) ? [value?.split(',') ?? []] : [];
  });
  expect(found).toHaveLength(1);
  return found[0] ?? [];
}

describe('config.txt', () => {
  it('has a comment of its own above every setting, and none behind one', () => {
    for (const [index, line] of lines.entries()) {
      if (line === '' || line.startsWith('#')) continue;
      expect(line).toMatch(/^(\[all\]|(gpio|dtparam|dtoverlay)=\S+)$/);
      expect(lines[index - 1], `what stands above ${line}`).toMatch(/^# /);
    }
    expect(settings[0]).toBe('[all]');
  });

  it('drives what energises low, keeps what shows dark, and reads the rest pulled down', () => {
    const documented = documentedLines();
    expect(documented.size).toBe(12);
    for (const [name, { line }] of documented) {
      const input = ['contact', 'button', 'coil-supply', 'uplink-contact'].includes(name);
      expect([name, attributes(line)]).toEqual([name, input ? ['ip', 'pd'] : ['op', 'pd', 'dl']]);
    }
  });

  it('uses only lines that are pulled down from reset on, each once, on the right pin of the header', () => {
    const PINS: Record<number, number> = {
      9: 21,
      10: 19,
      11: 23,
      12: 32,
      13: 33,
      14: 8,
      15: 10,
      16: 36,
      17: 11,
      18: 12,
      19: 35,
      20: 38,
      21: 40,
      22: 15,
      23: 16,
      24: 18,
      25: 22,
      26: 37,
      27: 13,
    };
    const used = [...documentedLines().values()];
    for (const { line, pin } of used) expect([line, pin]).toEqual([line, PINS[line]]);
    expect(new Set(used.map(({ line }) => line)).size).toBe(used.length);
    for (const setting of settings) expect(setting).not.toMatch(/dh|pu/);
  });

  it('the schematic shows every line on its pin', () => {
    const drawn = [...read('wiring.svg').matchAll(/>GPIO(\d+) · pin (\d+)</g)].map(([, line, pin]) => ({
      line: Number(line),
      pin: Number(pin),
    }));
    const byLine = (one: { line: number }, other: { line: number }) => one.line - other.line;
    expect(drawn.sort(byLine)).toEqual([...documentedLines().values()].sort(byLine));
  });

  it('asks for the two parameters the dead-man rests on, and for no heartbeat that feeds itself', () => {
    expect(settings).toContain('dtparam=strict_gpiod');
    expect(settings).toContain('dtparam=watchdog=on');
    expect(settings).not.toContain('dtoverlay=portcullis-heartbeat');
  });
});
