import { isUtf8 } from 'node:buffer';
import type { Attributes } from './file-list.ts';

/** Entries of a POSIX.1-2001 (pax) archive. Everything exact is in the extended header; the old one is for old programs. */

const BLOCK = 512;
const TYPES = { file: '0', link: '1', symlink: '2', directory: '5' } as const;
/** The largest the old header has room for. */
const MAX_ID = 0o7777777;
const MAX_SIZE = 0o77777777777;

export interface TarEntry {
  readonly type: keyof typeof TYPES;
  readonly attributes: Attributes;
  /** Bytes that follow. */
  readonly size: number;
  /** What a link or symbolic link points to. */
  readonly target?: Buffer;
}

/** The headers of an entry. Its bytes follow, and `padding` after them. */
export function tarHeader({ type, attributes, size, target }: TarEntry): Buffer {
  const { path, mode, uid, gid, mtimeNs, xattrs = [] } = attributes;
  const name = type === 'directory' ? Buffer.concat([path, Buffer.from('/')]) : path;
  const seconds = mtimeNs > 0n ? Number(mtimeNs / 1_000_000_000n) : 0;
  const records = [
    // Said only where it matters: GNU tar takes names as bytes anyway, and warns of what it does not know.
    ...([name, target ?? name].every((one) => isUtf8(one)) ? [] : [paxRecord('hdrcharset', Buffer.from('BINARY'))]),
    paxRecord('path', name),
    ...(target === undefined ? [] : [paxRecord('linkpath', target)]),
    paxRecord('mtime', Buffer.from(decimal(mtimeNs))),
    paxRecord('uid', Buffer.from(String(uid))),
    paxRecord('gid', Buffer.from(String(gid))),
    paxRecord('size', Buffer.from(String(size))),
    ...xattrs.map((xattr) => paxRecord(`SCHILY.xattr.${xattr.name.toString('latin1')}`, xattr.value)),
  ];
  const extended = Buffer.concat(records);
  const common = { uid: Math.min(uid, MAX_ID), gid: Math.min(gid, MAX_ID), seconds: Math.min(seconds, MAX_SIZE) };
  return Buffer.concat([
    block({ ...common, type: 'x', name: Buffer.from('PaxHeader'), mode: 0o600, size: extended.length }),
    extended,
    padding(extended.length),
    block({ ...common, type: TYPES[type], name, mode, size: Math.min(size, MAX_SIZE), ...(target && { target }) }),
  ]);
}

/** What fills the last block of so many bytes. */
export function padding(length: number): Buffer {
  return Buffer.alloc((BLOCK - (length % BLOCK)) % BLOCK);
}

/** The end of an archive. */
export const TAR_END = Buffer.alloc(2 * BLOCK);

/** Whether an attribute's name can be told in a record: it ends at the first equals sign. */
export function fitsTar(name: Buffer): boolean {
  return !name.includes('=');
}

function block(header: {
  readonly type: string;
  readonly name: Buffer;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly seconds: number;
  readonly target?: Buffer;
}): Buffer {
  const bytes = Buffer.alloc(BLOCK);
  header.name.copy(bytes, 0, 0, 100);
  octal(bytes, 100, 8, header.mode);
  octal(bytes, 108, 8, header.uid);
  octal(bytes, 116, 8, header.gid);
  octal(bytes, 124, 12, header.size);
  octal(bytes, 136, 12, header.seconds);
  bytes.fill(' ', 148, 156);
  bytes.write(header.type, 156, 'latin1');
  header.target?.copy(bytes, 157, 0, 100);
  bytes.write('ustar\u000000', 257, 'latin1');
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return bytes;
}

function octal(bytes: Buffer, at: number, length: number, value: number): void {
  bytes.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts its own digits. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`, 'latin1'), value, Buffer.from('\n')]);
  let length = rest.length;
  while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function decimal(ns: bigint): string {
  const size = ns < 0n ? -ns : ns;
  const below = (size % 1_000_000_000n).toString().padStart(9, '0');
  return `${ns < 0n ? '-' : ''}${size / 1_000_000_000n}.${below}`;
}
