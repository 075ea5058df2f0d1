import { describe, expect, it } from 'vitest';
import type { Systemctl } from '../../daemon/base/systemctl.ts';
import { judgeMount, MountUnit } from '../../daemon/keeper/mount-unit.ts';

const UNIT = 'srv-vault.mount';

/** A `systemctl` that notes what it is asked, and answers with `answer`. */
function recorded(answer: Systemctl): { asked: string[]; systemctl: Systemctl } {
  const asked: string[] = [];
  return {
    asked,
    systemctl: async (args, ms, signal) => {
      asked.push(args.join(' '));
      return answer(args, ms, signal);
    },
  };
}

describe('MountUnit', () => {
  it('starts and stops the unit by its name', async () => {
    const { asked, systemctl } = recorded(async () => '');
    const mount = new MountUnit(UNIT, systemctl);
    await mount.up(new AbortController().signal);
    await mount.down();
    expect(asked).toEqual([`start ${UNIT}`, `stop ${UNIT}`]);
  });

  it('says why, in the words of systemd', async () => {
    const stderr = 'Job for srv-vault.mount failed.\nSee "systemctl status srv-vault.mount".\n';
    const { systemctl } = recorded(() => Promise.reject(Object.assign(new Error('Command failed'), { stderr })));
    await expect(new MountUnit(UNIT, systemctl).up(new AbortController().signal)).rejects.toMatchObject({
      code: 'store.mount',
      what: `systemctl start ${UNIT} failed: See "systemctl status srv-vault.mount".`,
    });
  });

  it('stops waiting for a disk when the connection is over', async () => {
    const over = new AbortController();
    const { systemctl } = recorded(
      (_args, _ms, signal) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(new Error('The operation was aborted')));
        }),
    );
    const up = new MountUnit(UNIT, systemctl).up(over.signal);
    over.abort('Trip: an agent destroys.');
    await expect(up).rejects.toMatchObject({ what: `systemctl start ${UNIT} failed: Trip: an agent destroys.` });
  });

  it('says that it took too long', async () => {
    const { systemctl } = recorded(() => Promise.reject(Object.assign(new Error('x'), { killed: true, stderr: '' })));
    await expect(new MountUnit(UNIT, systemctl).down()).rejects.toMatchObject({
      what: `systemctl stop ${UNIT} failed: it took too long.`,
    });
  });
});

describe('judgeMount', () => {
  const good = {
    LoadState: 'loaded',
    Where: '/srv/vault',
    Type: 'ext4',
    Options: 'noatime',
    LazyUnmount: 'yes',
    UnitFileState: 'static',
  };
  const judge = (change: Partial<typeof good>, path = '/srv/vault/portcullis') =>
    judgeMount(UNIT, new Map(Object.entries({ ...good, ...change })), path).map(({ detail }) => detail);

  it('has nothing against one that is right', () => {
    expect(judge({})).toEqual([]);
    expect(judge({}, '/srv/vault')).toEqual([]);
    expect(judge({ Type: 'nfs4', Options: 'soft,vers=4.2' })).toEqual([]);
  });

  it.each([
    [{ LoadState: 'not-found' }, 'is not known to systemd'],
    [{ Where: '/srv/vault2' }, 'mounts /srv/vault2, and the vault is /srv/vault/portcullis'],
    [{ Type: 'nfs', Options: 'vers=4.2' }, 'is a hard mount'],
    [{ Type: 'nfs4', Options: 'hard,notsoft' }, 'is a hard mount'],
    [{ LazyUnmount: 'no' }, 'cannot be unmounted while somebody holds a file'],
    [{ UnitFileState: 'enabled' }, 'is mounted at boot'],
  ])('names what is wrong: %o', (change, what) => {
    expect(judge(change)).toEqual([expect.stringContaining(what)]);
  });

  it('knows nothing of a box without systemd', () => {
    expect(judgeMount(UNIT, new Map(), '/srv/vault')[0]?.detail).toContain('is not known to systemd');
  });
});
