import { readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { Appliance, kill, NO_WINDOW, OFTEN } from './appliance.ts';

/**
 * G6 on real processes: of two doors never both, whatever dies. The doors are read from the board's own files, at every
 * change that the kernel tells of, by nothing that the gate could have invented.
 */
const appliances: Appliance[] = [];
const stops: (() => void)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0)) stop();
  await Promise.all(appliances.splice(0).map((appliance) => appliance.destroy()));
});

interface Doors {
  readonly vault: boolean;
  readonly uplink: boolean;
}

class Witness {
  readonly #board: string;
  /** Moments in which both doors were open, or both commanded. */
  readonly both: string[] = [];
  vaultSeen = 0;
  uplinkSeen = 0;

  constructor(board: string) {
    this.#board = board;
    const watcher = watch(board, () => this.look());
    const timer = setInterval(() => this.look(), 1);
    stops.push(() => {
      watcher.close();
      clearInterval(timer);
    });
  }

  look(): Doors {
    const value = (file: string) => {
      try {
        return readFileSync(`${this.#board}/${file}`, 'utf8').trim() === '1';
      } catch {
        return false;
      }
    };
    const contacts = { vault: value('contact1') && value('contact2'), uplink: value('uplink.feedback') };
    const coils = { vault: value('relay') || value('relay2'), uplink: value('uplink') };
    if (contacts.vault) this.vaultSeen += 1;
    if (contacts.uplink) this.uplinkSeen += 1;
    if ((contacts.vault && contacts.uplink) || (coils.vault && coils.uplink))
      this.both.push(JSON.stringify({ contacts, coils }));
    return contacts;
  }
}

async function running(windows = [NO_WINDOW]): Promise<{ appliance: Appliance; witness: Witness }> {
  const appliance = new Appliance();
  appliances.push(appliance);
  const documents = appliance.folder('documents', 3, 50_000);
  await appliance.create({
    uplink: true,
    windows,
    sources: [{ name: 'documents', kind: 'directory', path: documents }],
  });
  const witness = new Witness(appliance.at('board'));
  await appliance.start();
  await appliance.until('the uplink is connected', 20, () => (witness.look().uplink ? true : undefined));
  return { appliance, witness };
}

const view = async (appliance: Appliance) => (await appliance.status())?.gate?.view;

describe('two doors, on real processes', () => {
  it('take turns: windows come and go, the uplink between them, and never both', async () => {
    const { appliance, witness } = await running([OFTEN]);
    for (const seq of [1, 2]) {
      await appliance.until(`snapshot ${seq} is committed`, 60, async () => {
        const snapshot = (await appliance.status())?.sources[0]?.lastSnapshot;
        return (snapshot?.seq ?? 0) >= seq ? true : undefined;
      });
      await appliance.until('the uplink is back', 20, () => (witness.look().uplink ? true : undefined));
    }
    expect(witness.both).toEqual([]);
    expect(witness.vaultSeen).toBeGreaterThan(0);
    expect((await view(appliance))?.proofTest?.passed).toBe(true);
  }, 120_000);

  it('stay apart through trips and through the deaths of gate, keeper and supervisor, in either state', async () => {
    const { appliance, witness } = await running();
    for (const victim of ['gate', 'keeper'] as const) {
      for (const connect of [false, true]) {
        await appliance.until('the uplink is connected', 30, () => (witness.look().uplink ? true : undefined));
        if (connect) await appliance.connect(60);
        expect(witness.look()).toEqual({ vault: connect, uplink: !connect });
        for (const pid of appliance.processes(victim)) kill(pid, 'SIGKILL');
        await appliance.until('the vault is isolated', 5, () => (witness.look().vault ? undefined : true));
        await appliance.until('all are back', 30, async () => {
          const found = await view(appliance);
          return found?.link === 'isolated' && found.uplink === 'connected' ? true : undefined;
        });
      }
    }
    await appliance.connect(60);
    expect((await appliance.cli('trip')).code).toBe(0);
    await appliance.until('both are isolated', 5, () => {
      const { vault, uplink } = witness.look();
      return vault || uplink ? undefined : true;
    });
    await appliance.until('it is locked and both are measured', 10, async () => {
      const found = await view(appliance);
      return found?.link === 'isolated' && found.uplink === 'isolated' ? true : undefined;
    });
    // A latch keeps the uplink too.
    expect(witness.look()).toEqual({ vault: false, uplink: false });
    await appliance.press(5300);
    await appliance.until('the uplink is back after the reset', 20, () => (witness.look().uplink ? true : undefined));
    for (const pid of [...appliance.processes('portcullis'), ...appliance.processes('gate')]) kill(pid, 'SIGKILL');
    await appliance.until('both are isolated without anybody', 5, () => {
      const { vault, uplink } = witness.look();
      return vault || uplink ? undefined : true;
    });
    expect(witness.both).toEqual([]);
  }, 180_000);

  it('an uplink that is welded is a fault before anything of the vault is energised', async () => {
    const { appliance, witness } = await running();
    writeFileSync(appliance.at('board/uplink.welded'), '1');
    const asked = await appliance.until('the request is announced', 10, async () => {
      const request = appliance.cli('connect', '--for', '30s', '--reason', 'test');
      await appliance.until('it waits', 10, async () =>
        (await view(appliance))?.presence.kind === 'pending' ? true : undefined,
      );
      await appliance.press(300);
      return request;
    });
    expect(asked.code).not.toBe(0);
    await appliance.until('it is a fault', 10, async () =>
      (await view(appliance))?.latch.kind === 'fault' ? true : undefined,
    );
    expect(witness.vaultSeen).toBe(0);
    expect(readFileSync(appliance.at('board/relay'), 'utf8').trim()).toBe('0');
    rmSync(appliance.at('board/uplink.welded'));
    // The weld stuck: only the vault's half of the promise can still be kept, and is.
    expect(witness.both).toEqual([]);
  }, 60_000);
});
