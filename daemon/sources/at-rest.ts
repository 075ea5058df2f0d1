import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errnoOf } from '../base/errors.ts';

/** Whether what lies at a path is encrypted while the box is off. */
export type AtRest =
  | { readonly kind: 'encrypted'; readonly detail: string }
  | { readonly kind: 'plaintext'; readonly detail: string }
  /** Nobody can tell from here. */
  | { readonly kind: 'unknown'; readonly detail: string };

/** Where the kernel says what it knows. */
export interface KernelView {
  /** Where sysfs is mounted. */
  readonly sys: string;
  /** As proc(5) has `/proc/self/mountinfo`. */
  readonly mountinfo: string;
  /** The device a file lies on, as `MAJOR:MINOR`. Rejects as stat(2) does. */
  deviceOf(path: string): Promise<string>;
}

export const kernel: KernelView = {
  sys: '/sys',
  mountinfo: '/proc/self/mountinfo',
  async deviceOf(path) {
    return numberText((await stat(path, { bigint: true })).dev);
  },
};

/**
 * Whether `path`, which need not exist yet, lies on an encrypted block device: LUKS or another dm-crypt mapping, directly or
 * beneath LVM and RAID, of which then every part has to be. Encryption within a file system (fscrypt, ZFS, eCryptfs) shows in
 * no device, so it is not seen: of ext4 and its like that is plaintext, of ZFS nobody can tell.
 */
export async function atRest(path: string, view: KernelView = kernel): Promise<AtRest> {
  const at = await existing(path);
  const mount = mountOf(at, await readFile(view.mountinfo, 'utf8'));
  if (mount === undefined) return { kind: 'unknown', detail: `no mounted file system is known for ${at}` };
  const { type, source } = mount;
  if (type === 'tmpfs' || type === 'ramfs')
    return { kind: 'unknown', detail: `${type} lies in memory, and may be written to the swap device` };
  if (type === 'zfs')
    return { kind: 'unknown', detail: 'ZFS may encrypt, which shows in no device: `zfs get encryption`' };
  const number = await view.deviceOf(at);
  // btrfs has numbers of its own, which are no device's.
  const device = number.startsWith('0:') ? await namedDevice(source, view) : await numberedDevice(number, view);
  if (device === undefined)
    return { kind: 'unknown', detail: `${type} on ${source}, which is no block device of this box` };
  const judged = await Promise.all((await siblings(device, type, view)).map((one) => judge(one, view)));
  const worst =
    judged.find(({ kind }) => kind === 'plaintext') ?? judged.find(({ kind }) => kind === 'unknown') ?? judged[0];
  return worst ?? { kind: 'unknown', detail: `nothing is known of ${source}` };
}

/** One device and everything beneath it: it is encrypted when it is a mapping that encrypts, or all below it are. */
async function judge(device: string, view: KernelView): Promise<AtRest> {
  const name = basename(device);
  const uuid = await line(join(device, 'dm', 'uuid'));
  // veritysetup and integritysetup name their mappings in the same way, and encrypt nothing.
  if (uuid !== undefined && /^CRYPT-(?!VERITY-|INTEGRITY-)/.test(uuid))
    return { kind: 'encrypted', detail: `${(await line(join(device, 'dm', 'name'))) ?? name} (${uuid.split('-')[1]})` };
  const backing = await line(join(device, 'loop', 'backing_file'));
  if (backing !== undefined) return { kind: 'unknown', detail: `${name} is the file ${backing}` };
  const below = await slaves(device);
  if (below.length > 0) {
    const judged = await Promise.all(below.map((one) => judge(one, view)));
    const [first] = judged;
    const worst = judged.find(({ kind }) => kind !== 'encrypted') ?? first;
    if (worst !== undefined) return worst;
  }
  // A partition of a mapping or an array lies on what that lies on.
  if ((await line(join(device, 'partition'))) !== undefined) return judge(dirname(device), view);
  return { kind: 'plaintext', detail: name };
}

/** Directory in sysfs of the device with that number. */
async function numberedDevice(number: string, { sys }: KernelView): Promise<string | undefined> {
  return real(join(sys, 'dev', 'block', number));
}

/** The same of `/dev/sda1` or `/dev/mapper/NAME`. By name: a process whose `/dev` is its own does not see the node. */
async function namedDevice(source: string, { sys }: KernelView): Promise<string | undefined> {
  const all = join(sys, 'class', 'block');
  const [, mapping] = /^\/dev\/mapper\/([^/]+)$/.exec(source) ?? [];
  if (mapping === undefined) return /^\/dev\/[^/]+$/.test(source) ? real(join(all, basename(source))) : undefined;
  for (const name of await names(all))
    if ((await line(join(all, name, 'dm', 'name'))) === mapping) return real(join(all, name));
  return undefined;
}

async function real(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function slaves(device: string): Promise<string[]> {
  const folder = join(device, 'slaves');
  return Promise.all((await names(folder)).map((name) => realpath(join(folder, name))));
}

/** All devices of a file system that spans several: btrfs says which. */
async function siblings(device: string, type: string, { sys }: KernelView): Promise<string[]> {
  if (type !== 'btrfs') return [device];
  for (const id of await names(join(sys, 'fs', 'btrfs'))) {
    const folder = join(sys, 'fs', 'btrfs', id, 'devices');
    const members = await names(folder);
    if (members.includes(basename(device))) return Promise.all(members.map((name) => realpath(join(folder, name))));
  }
  return [device];
}

/** The mount a path lies in: the deepest, and of several at one point the last. */
function mountOf(path: string, mountinfo: string): { readonly type: string; readonly source: string } | undefined {
  let found: { point: string; type: string; source: string } | undefined;
  for (const text of mountinfo.split('\n')) {
    const fields = text.split(' ');
    const dash = fields.indexOf('-', 6);
    const [point, type, source] = [fields[4], fields[dash + 1], fields[dash + 2]];
    if (dash === -1 || point === undefined || type === undefined || source === undefined) continue;
    const at = plain(point);
    const holds = at === '/' || path === at || path.startsWith(`${at}/`);
    if (holds && at.length >= (found?.point.length ?? 0)) found = { point: at, type, source: plain(source) };
  }
  return found;
}

/** mountinfo writes blanks, tabs, line breaks and backslashes in octal. */
function plain(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** The path, links followed, of what there is of `path`: itself or the nearest folder above it. */
async function existing(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    try {
      return await realpath(at);
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '') || dirname(at) === at) throw error;
    }
  }
}

async function names(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function line(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch {
    return undefined;
  }
}

/** Linux's numbers of devices, as `makedev` of the C library puts them together. */
function numberText(dev: bigint): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}
