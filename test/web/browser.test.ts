import { expect, test } from 'vitest';
import { Browser, CHROMIUM } from './browser.ts';
import { later, servedAppliance } from './helpers.ts';
import { CONNECTED, keeperStatus, LOCKOUT, TWO_DOORS } from './samples.ts';

const HOSTILE = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>';

/** The status as of now, as the keeper would give it. */
function fresh(status: ReturnType<typeof keeperStatus>): ReturnType<typeof keeperStatus> {
  const wall = Date.now();
  return { ...status, wall, ...(status.gate === undefined ? {} : { gate: { ...status.gate, receivedWall: wall } }) };
}

const title = (text: string) => `document.querySelector('#hero-title').textContent === ${JSON.stringify(text)}`;

test.skipIf(CHROMIUM === undefined)(
  'in a real browser: live, tripping, hostile text as text, stale when the server goes',
  { timeout: 60_000 },
  async () => {
    const { appliance, web, port } = await servedAppliance();
    const [newest = expect.fail()] = appliance.entries;
    const alert = { source: 'siem', detail: HOSTILE, payload: HOSTILE };
    appliance.entries = [
      { ...newest, data: { reason: HOSTILE } },
      { ...newest, seq: newest.seq - 1, type: 'alert.tripped', data: alert },
    ];
    let status = keeperStatus();
    appliance.status.status = () => fresh(status);
    const browser = await Browser.launch();
    later(() => browser.stop());
    await browser.open(`http://127.0.0.1:${port}/`, 360, 800);
    await browser.until(title('Isolated'));
    await browser.until(`document.querySelectorAll('#ledger li').length === 2`);
    expect(await browser.evaluate(`document.querySelector('#ledger .entry-words').textContent`)).toBe(HOSTILE);
    await browser.until(`document.querySelectorAll('#alerts li').length === 1`);
    expect(await browser.evaluate(`document.querySelector('#alerts .entry-words').textContent`)).toBe(
      `siem · ${HOSTILE}`,
    );
    expect(await browser.evaluate(`document.querySelector('#alerts pre').textContent`)).toBe(HOSTILE);
    expect(await browser.evaluate(`document.querySelector('#alert-sources').textContent`)).toContain('Not watched');

    // What this box does not have has no row; what it has, has.
    const text = (id: string) => browser.evaluate(`document.querySelector('#${id}').textContent`);
    const uplinkHeight = `document.querySelector('#uplink-row').getBoundingClientRect().height`;
    expect(await browser.evaluate(uplinkHeight)).toBe(0);
    expect(await text('proof-test')).toBe('Never: the next connection begins with it');
    status = keeperStatus({ ...TWO_DOORS, waiting: [HOSTILE] }, { proofs: { carrier: 'dead', probe: 'unknown' } });
    appliance.show(status);
    await browser.until(`${uplinkHeight} > 0`);
    expect(await text('uplink')).toBe('Connected; measured alive');
    expect(await text('supply')).toBe('There');
    expect(await text('proofs')).toMatch(/carrier dead, probe cannot tell$/);
    expect(await text('proof-test')).toMatch(/^Passed .+ each broke and made\.$/);
    expect(await text('notices')).toContain(HOSTILE);
    expect(await browser.evaluate('document.documentElement.scrollWidth')).toBe(360);

    status = keeperStatus(CONNECTED, { attention: [HOSTILE] });
    appliance.show(status);
    await browser.until(title('Connected'));
    expect(await browser.evaluate(`document.querySelector('#notices').textContent`)).toBe(HOSTILE);
    expect(await browser.evaluate('document.title')).toBe('Connected · Portcullis');
    // Nothing is wider than the phone, and what is pressed is large enough to press.
    expect(await browser.evaluate('document.documentElement.scrollWidth')).toBe(360);
    expect(
      await browser.evaluate(
        `[...document.querySelectorAll('button, summary')].every((one) => one.getBoundingClientRect().height >= 44)`,
      ),
    ).toBe(true);

    await browser.evaluate(`document.querySelector('#trip').focus()`);
    for (const type of ['keyDown', 'keyUp'])
      await browser.send('Input.dispatchKeyEvent', {
        type,
        key: 'Enter',
        code: 'Enter',
        windowsVirtualKeyCode: 13,
        text: '\r',
      });
    await browser.until(`document.querySelector('#trip-result').dataset.outcome === 'good'`);
    expect(appliance.trips).toHaveLength(1);
    status = keeperStatus(LOCKOUT);
    appliance.show(status);
    await browser.until(`document.querySelector('#alarms').textContent.includes('Mass deletion')`);

    expect(browser.complaints).toEqual([]);
    await web.stop();
    await browser.until(title('Not known'));
    expect(await browser.evaluate(`document.querySelector('#alarms').childElementCount`)).toBe(0);
    expect(await browser.evaluate(`document.querySelector('#live').dataset.live`)).toBe('stale');
  },
);
