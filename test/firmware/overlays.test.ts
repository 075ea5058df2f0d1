import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { documentedLines, firmware, present } from './tools.ts';

const home = mkdtempSync(join(tmpdir(), 'portcullis-overlays-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const at = (name: string) => join(home, name);

/** Runs a program that must succeed and have nothing to say on stderr: dtc tells its warnings there. */
function quiet(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  expect({ status, stderr }, `${program} ${args.join(' ')}`).toEqual({ status: 0, stderr: '' });
  // Some versions of dtc print a list of strings as one with zeros in it.
  return stdout.replaceAll('\\0', '", "');
}

/** What each Pi's own tree has where ours attach: the header's chip under the label `gpio`, and a root. */
const CHIPS = {
  bcm2835: { chip: 'brcm,bcm2835-gpio', lines: 54 },
  bcm2711: { chip: 'brcm,bcm2711-gpio', lines: 58 },
  bcm2712: { chip: 'raspberrypi,rp1-gpio', lines: 54 },
};
const base = (soc: string, chip: string) => `/dts-v1/;
/ {
	compatible = "brcm,${soc}";
	gpio: gpio-header { compatible = "${chip}"; gpio-controller; #gpio-cells = <2>; gpio-line-names = "OLD"; };
};
`;
const overlays = readdirSync(firmware('overlays')).filter((name) => name.endsWith('.dts'));
const prop = (node: string, name: string) => new RegExp(`^\\s*${name}(?: = (.*))?;$`, 'm').exec(node)?.[1];

describe.skipIf(!present('dtc', 'Debian: apt install device-tree-compiler'))('device-tree overlays', () => {
  it('there are some', () => expect(overlays.length).toBeGreaterThan(1));

  for (const name of overlays) {
    const compiled = at(name.replace('.dts', '.dtbo'));
    const compile = () => quiet('dtc', '-@', '-I', 'dts', '-O', 'dtb', '-o', compiled, firmware(`overlays/${name}`));

    for (const [soc, { chip }] of Object.entries(CHIPS)) {
      it(`${name} compiles without a warning and applies to ${soc}`, () => {
        compile();
        expect(quiet('dtc', '-q', '-I', 'dtb', '-O', 'dts', compiled)).toContain(`"brcm,${soc}"`);
        writeFileSync(at(`${soc}.dts`), base(soc, chip));
        quiet('dtc', '-@', '-I', 'dts', '-O', 'dtb', '-o', at(`${soc}.dtb`), at(`${soc}.dts`));
        quiet('fdtoverlay', '-i', at(`${soc}.dtb`), '-o', at(`${soc}.merged`), compiled);
        const tree = quiet('dtc', '-I', 'dtb', '-O', 'dts', '-q', at(`${soc}.merged`));
        const header = /gpio-header \{([^}]*)\}/.exec(tree)?.[1] ?? '';
        const phandle = prop(header, 'phandle');
        if (name === 'portcullis-heartbeat.dts') heartbeat(tree, phandle);
        else names(prop(header, 'gpio-line-names'));
      });
    }
  }

  function heartbeat(tree: string, phandle: string | undefined): void {
    const node = /portcullis-heartbeat \{([^}]*)\}/.exec(tree)?.[1] ?? '';
    expect(prop(node, 'compatible')).toBe('"linux,wdt-gpio"');
    expect(prop(node, 'hw_algo')).toBe('"toggle"');
    // Line 18 of that chip, active high.
    expect(prop(node, 'gpios')).toBe(`${phandle?.replace('>', '')} 0x12 0x00>`);
    expect(documentedLines().get('heartbeat')?.line).toBe(18);
    const [margin, timeout] = [
      Number(prop(node, 'hw_margin_ms')?.slice(1, -1)),
      Number(prop(node, 'timeout-sec')?.slice(1, -1)),
    ];
    expect(margin).toBeGreaterThanOrEqual(1000);
    // A timeout longer than the margin, and the kernel would feed the dead-man without the gate.
    expect(timeout * 1000).toBeLessThanOrEqual(margin);
    expect(timeout).toBeGreaterThan(0);
    // So would a watchdog that is always running.
    expect(node).not.toContain('always-running');
  }

  function names(list: string | undefined): void {
    const named = (list ?? '').split(',').map((name) => name.trim().replaceAll('"', ''));
    expect(named).toHaveLength(28);
    const ours = new Map(
      named.flatMap((name, line) => (name.startsWith('portcullis-') ? [[name.slice(11), line]] : [])),
    );
    expect(ours).toEqual(new Map([...documentedLines()].map(([name, { line }]) => [name, line])));
  }

  it('a mistake does make dtc speak, so that silence means something', () => {
    writeFileSync(
      at('broken.dts'),
      '/dts-v1/;\n/plugin/;\n/ { fragment@0 { target = <&gpio>; __overlay__ { a@1 { }; }; }; };\n',
    );
    const { stderr } = spawnSync('dtc', ['-@', '-I', 'dts', '-O', 'dtb', '-o', at('broken.dtbo'), at('broken.dts')], {
      encoding: 'utf8',
    });
    expect(stderr).toContain('Warning');
  });
});
