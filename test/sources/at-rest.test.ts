import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { atRest, type KernelView, kernel } from '../../daemon/sources/at-rest.ts';
import { temporary } from './helpers.ts';

interface Device {
  readonly number: string;
  /** Below `devices/`. */
  readonly at: string;
  readonly uuid?: string;
  readonly partition?: true;
  readonly backing?: string;
  /** Names of the devices beneath it. */
  readonly on?: readonly string[];
}

const LUKS = 'CRYPT-LUKS2-6f1c0b3d5e7f4a0c8d2e9b1a3c5d7e9f-work';

/** A kernel with these block devices, and a file system of `type` on `source` mounted where the working copies lie. */
async function box(devices: readonly Device[], on: string, { type = 'ext4', source = '/dev/sda1' } = {}) {
  const sys = await temporary();
  const work = await temporary();
  const place = new Map(devices.map(({ at }) => [at.split('/').at(-1) ?? '', join(sys, 'devices', at)]));
  for (const { at } of devices) await mkdir(join(sys, 'devices', at), { recursive: true });
  const link = async (from: string, to: string) => {
    await mkdir(dirname(from), { recursive: true });
    await symlink(relative(dirname(from), to), from);
  };
  for (const { number, at, uuid, partition, backing, on = [] } of devices) {
    const folder = join(sys, 'devices', at);
    await link(join(sys, 'dev/block', number), folder);
    await link(join(sys, 'class/block', at.split('/').at(-1) ?? ''), folder);
    if (uuid !== undefined) {
      await mkdir(join(folder, 'dm'));
      await writeFile(join(folder, 'dm/uuid'), `${uuid}\n`);
      await writeFile(join(folder, 'dm/name'), 'work\n');
    }
    if (partition) await writeFile(join(folder, 'partition'), '1\n');
    if (backing !== undefined) {
      await mkdir(join(folder, 'loop'));
      await writeFile(join(folder, 'loop/backing_file'), `${backing}\n`);
    }
    for (const name of on) await link(join(folder, 'slaves', name), place.get(name) ?? '');
  }
  const mountinfo = join(sys, 'mountinfo');
  const lines = [
    '21 1 8:2 / / rw,relatime shared:1 - ext4 /dev/root rw',
    `22 21 ${on} / ${work} rw shared:7 master:2 - ${type} ${source} rw,errors=remount-ro`,
    `23 22 0:99 / ${work}-other rw - zfs other rw`,
  ];
  await writeFile(mountinfo, `${lines.join('\n')}\n`);
  const view: KernelView = { sys, mountinfo, deviceOf: async () => on };
  return { view, work, sys, link, place };
}

const DISK: Device = { number: '8:0', at: 'pci/sda' };
const PART: Device = { number: '8:1', at: 'pci/sda/sda1', partition: true };

it('a partition of a disk is plaintext, and is named', async () => {
  const { view, work } = await box([DISK, PART], '8:1');
  expect(await atRest(work, view)).toEqual({ kind: 'plaintext', detail: 'sda' });
});

it('LUKS on a partition is encrypted, also of a path that does not exist yet', async () => {
  const { view, work } = await box(
    [DISK, PART, { number: '254:0', at: 'virtual/dm-0', uuid: LUKS, on: ['sda1'] }],
    '254:0',
  );
  expect(await atRest(work, view)).toEqual({ kind: 'encrypted', detail: 'work (LUKS2)' });
  expect(await atRest(join(work, 'not/yet'), view)).toMatchObject({ kind: 'encrypted' });
});

it('LVM on LUKS is encrypted, LVM on a bare partition is not', async () => {
  const logical = (on: string[]): Device => ({ number: '254:1', at: 'virtual/dm-1', uuid: 'LVM-abc', on });
  const luks: Device = { number: '254:0', at: 'virtual/dm-0', uuid: LUKS, on: ['sda1'] };
  const over = await box([DISK, PART, luks, logical(['dm-0'])], '254:1');
  expect(await atRest(over.work, over.view)).toMatchObject({ kind: 'encrypted' });
  const bare = await box([DISK, PART, logical(['sda1'])], '254:1');
  expect(await atRest(bare.work, bare.view)).toEqual({ kind: 'plaintext', detail: 'sda' });
});

it('what spans several devices is as good as the worst of them', async () => {
  const luks: Device = { number: '254:0', at: 'virtual/dm-0', uuid: LUKS, on: ['sda1'] };
  const other: Device = { number: '8:16', at: 'pci/sdb' };
  const array: Device = { number: '9:0', at: 'virtual/md0', on: ['dm-0', 'sdb'] };
  const { view, work } = await box([DISK, PART, luks, other, array], '9:0');
  expect(await atRest(work, view)).toEqual({ kind: 'plaintext', detail: 'sdb' });
});

it('a partition of an encrypted array is encrypted', async () => {
  const luks: Device = { number: '254:0', at: 'virtual/dm-0', uuid: LUKS, on: ['sda1'] };
  const array: Device = { number: '9:0', at: 'virtual/md0', on: ['dm-0'] };
  const part: Device = { number: '259:0', at: 'virtual/md0/md0p1', partition: true };
  const { view, work } = await box([DISK, PART, luks, array, part], '259:0');
  expect(await atRest(work, view)).toMatchObject({ kind: 'encrypted' });
});

it.each(['CRYPT-VERITY-abc-work', 'CRYPT-INTEGRITY-work'])('%s encrypts nothing', async (uuid) => {
  const { view, work } = await box([DISK, PART, { number: '254:0', at: 'virtual/dm-0', uuid, on: ['sda1'] }], '254:0');
  expect(await atRest(work, view)).toMatchObject({ kind: 'plaintext' });
});

it('btrfs is asked for all its devices', async () => {
  const luks: Device = { number: '254:0', at: 'virtual/dm-0', uuid: LUKS, on: ['sda1'] };
  const other: Device = { number: '8:16', at: 'pci/sdb' };
  const options = { type: 'btrfs', source: '/dev/mapper/work' };
  const { view, work, link, place, sys } = await box([DISK, PART, luks, other], '0:42', options);
  expect(await atRest(work, view)).toMatchObject({ kind: 'encrypted' });
  for (const name of ['dm-0', 'sdb']) await link(join(sys, 'fs/btrfs/1234/devices', name), place.get(name) ?? '');
  expect(await atRest(work, view)).toEqual({ kind: 'plaintext', detail: 'sdb' });
});

it('btrfs on a bare partition is plaintext', async () => {
  const { view, work } = await box([DISK, PART], '0:42', { type: 'btrfs', source: '/dev/sda1' });
  expect(await atRest(work, view)).toEqual({ kind: 'plaintext', detail: 'sda' });
});

it.each([
  ['zfs', 'pool/work', 'ZFS may encrypt'],
  ['tmpfs', 'tmpfs', 'lies in memory'],
  ['nfs4', 'nas:/work', 'no block device of this box'],
  ['overlay', 'overlay', 'no block device of this box'],
])('of %s nobody can tell', async (type, source, says) => {
  const { view, work } = await box([], '0:42', { type, source });
  expect(await atRest(work, view)).toEqual({ kind: 'unknown', detail: expect.stringContaining(says) });
});

it('of a file that serves as a disk nobody can tell', async () => {
  const { view, work } = await box([{ number: '7:0', at: 'virtual/loop0', backing: '/srv/disk.img' }], '7:0');
  expect(await atRest(work, view)).toEqual({ kind: 'unknown', detail: 'loop0 is the file /srv/disk.img' });
});

it('says something of this very machine', async () => {
  expect((await atRest(await temporary(), kernel)).detail).not.toBe('');
});
