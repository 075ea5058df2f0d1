/**
 * Where an object stands in a snapshot. A key is any text of up to 1,024 bytes; a path is made of names that every file system takes. Each
 * key has one path, and each path gives its key back (docs/sources-s3.md, "Keys as paths").
 *
 * A key is cut at its slashes. In each name `%`, control characters, and of `.` and `..` the dots, are written as `%XX`, and so is a
 * space, `!`, `"`, `#` or `$` at its beginning. A `%` that no two hexadecimal digits follow is a mark:
 *
 *     %-      a name without characters: of `a/`, `/a`, `a//b`
 *     %+      in the folder of a key that is also the beginning of others: that key itself
 *     NAME%~  NAME goes on with the next name: file systems take no name of more than 255 bytes
 */
const EMPTY = '%-';
const SELF = '%+';
const GOES_ON = '%~';

/** Bytes of a name that is cut, its mark apart. */
const MAX_NAME = 240;

export function pathOfKey(key: string): string {
  return key.split('/').map(nameOf).join('/');
}

/** The path of a key whose folder is needed for others. */
export function pathInside(path: string): string {
  return `${path}/${SELF}`;
}

/** The key of a path that `pathOfKey` or `pathInside` made. */
export function keyOfPath(path: string): string {
  const names = path.split('/');
  if (names.at(-1) === SELF) names.pop();
  let key = '';
  names.forEach((name, index) => {
    const goesOn = name.endsWith(GOES_ON);
    const plain = goesOn ? name.slice(0, -GOES_ON.length) : name;
    key += plain === EMPTY ? '' : plain;
    if (!goesOn && index < names.length - 1) key += '/';
  });
  return key.replace(/(?:%[0-9A-F]{2})+/g, (bytes) => decodeURIComponent(bytes));
}

/** Name of a version in the folder of its key; names of later ones come later. `time` is RFC 3339. */
export function versionName(time: string, id: string): string {
  return `${SELF}${time.replaceAll(':', '')}~${encodeURIComponent(id.toWellFormed()).slice(0, 180)}`;
}

function nameOf(part: string): string {
  if (part === '') return EMPTY;
  if (part === '.' || part === '..') return part.replaceAll('.', '%2E');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what no name is to have
  const escaped = part.replace(/[%\u0000-\u001f\u007f-\u009f]|^[ !"#$]/g, escapeOne);
  return Buffer.byteLength(escaped) <= 255 ? escaped : cut(escaped);
}

function escapeOne(character: string): string {
  return [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

function cut(escaped: string): string {
  const names: string[] = [];
  let name = '';
  let length = 0;
  for (const unit of escaped.match(/%[0-9A-F]{2}|[^%]/gsu) ?? []) {
    const bytes = Buffer.byteLength(unit);
    if (length + bytes > MAX_NAME && name !== '') {
      names.push(`${name}${GOES_ON}`);
      name = '';
      length = 0;
    }
    name += unit;
    length += bytes;
  }
  return [...names, name.replace(/^\.\.?$/, (dots) => dots.replaceAll('.', '%2E'))].join('/');
}

/** Text by which paths come in tree order, name by name: no path holds a NUL. */
export function treeOrder(path: string): string {
  return Buffer.from(path.replaceAll('/', '\0')).toString('latin1');
}
