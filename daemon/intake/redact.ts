/**
 * What is kept of what arrived: text without secrets, of at most 4 KiB. Pure, and total for every body. It is for people
 * to read; what arrived exactly is known by its digest.
 */

/** UTF-8 bytes of a payload, its last words counted. */
export const MAX_PAYLOAD = 4096;
/** Characters of one string, names as well as values. */
const LONGEST = 256;
/** So much of a longer string is looked at: what is shown of it must not end within a secret that was not recognised. */
const LOOKED_AT = 4 * LONGEST;
/** So much is looked at of what is not JSON. */
const TEXT_LOOKED_AT = 2 * MAX_PAYLOAD;
/** A larger body is not parsed a second time for what will not be shown. */
const MAX_PARSED = 256 * 1024;
const MOST_ITEMS = 50;
const DEEPEST = 12;
/** JSON within a string within JSON. */
const MOST_NESTED = 3;

const REDACTED = '[redacted]';

/** Undefined when there is nothing in it that a person could read. */
export function payloadOf(bytes: Buffer): string | undefined {
  const parsed = bytes.length <= MAX_PARSED ? parse(bytes.toString('utf8')) : undefined;
  const text = parsed === undefined ? plainText(bytes) : escapeInvisible(write(parsed.value, MOST_NESTED));
  return text.trim() === '' ? undefined : capped(text, bytes.length);
}

/** Names of what nobody but its owner may know, in whatever spelling. */
const SECRET =
  'pass(?:word|wd|phrase|code)|pwd|secret|token|authori[sz]ation|cookie|credential|bearer|jwt|session[-_. ]?id|signature|(?:api|access|account|private|signing|shared|master|ssh|encryption|storage|service|auth|webhook|license|client)[-_. ]?key';
const SECRET_NAME = new RegExp(SECRET, 'i');
/** `name: value`, `"name": "value"`, `name=value`, `<name>value`, to the end of what can belong to it. */
const NAMED = new RegExp(
  [
    `((?:${SECRET})[\\w.-]{0,100}\\\\?["']?\\s*(?:=>|:=|[:=>])\\s*)`,
    '(?:[\\[{][\\s\\S]*|\\\\"(?:(?!\\\\")[\\s\\S])*(?:\\\\"|$)|"(?:[^"\\\\]|\\\\[\\s\\S])*(?:"|$)|\'[^\']*(?:\'|$)|[^\\r\\n&"\']+)',
  ].join(''),
  'gi',
);
/** `--password value`. */
const FLAG = new RegExp(`(--?[\\w-]{0,40}(?:${SECRET})[\\w-]{0,40}\\s+)["']?[^\\s"']+`, 'gi');
/** `-u user:password`. */
const USER_FLAG = /(\s(?:-u|--user)[= ]?\s*)["']?[^\s"':]{1,256}:[^\s"']+/g;

/** What is a secret by its looks. */
const SHAPES: readonly RegExp[] = [
  /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)/g,
  /(?:AKIA|ASIA)[0-9A-Z]{12,}/g,
  /gh[a-z]_[A-Za-z0-9]{16,}|github_pat_\w{16,}/g,
  /gl[a-z]{2,8}-[\w.-]{16,}/g,
  /xox[a-z](?:\.[a-z]+)?-[\w.-]{8,}|xapp-[\w-]{8,}/g,
  /hooks\.slack\.com\/[\w/+-]{8,}/g,
  /eyJ[\w-]{8,}(?:\.[\w-]*){0,4}/g,
  /(?<![A-Za-z0-9])(?:sk|rk)[-_][\w-]{16,}/g,
  /AIza[\w-]{30,}|ya29\.[\w.-]{16,}/g,
  /npm_[A-Za-z0-9]{30,}|dop_v1_\w{16,}|whsec_[\w+/=-]{16,}|hv[sb]\.[\w-]{16,}|pypi-[\w-]{16,}|SG\.[\w-]{16,}\.[\w-]{16,}/g,
  /(?<=[?&])sig=[^&\s"']+/gi,
];
/** In a URL: who, and what only they know. */
const USERINFO = /(:\/\/)(?:[^\s/@:"']{0,256}:[^\s"']{0,512}@|[^\s/@"']{1,512}@)/g;
const SCHEME = /\b(Bearer|Basic|Digest|Token)(\s+)[\w+/=.~:-]{8,}/gi;

function redactText(text: string): string {
  // In a form, in JSON within a string, and in JSON that is none, a name may be spelled so.
  const spelled = text.replace(/(?:\\u00|%)([2-7][0-9a-f])/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  const redacted = redactSpelled(spelled);
  return redacted === spelled ? redactSpelled(text) : redacted;
}

function redactSpelled(text: string): string {
  let redacted = text.replace(USERINFO, `$1${REDACTED}@`);
  for (const shape of SHAPES) redacted = redacted.replace(shape, REDACTED);
  return redacted
    .replace(SCHEME, `$1$2${REDACTED}`)
    .replace(NAMED, `$1${REDACTED}`)
    .replace(FLAG, `$1${REDACTED}`)
    .replace(USER_FLAG, `$1${REDACTED}`);
}

function parse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** A string's JSON inside is looked into as well; `nested` is how often still. */
function redactString(text: string, nested: number): string {
  const inner = nested > 0 && text.length <= MAX_PARSED && /^\s*[[{]/.test(text) ? parse(text) : undefined;
  const cut = inner === undefined && text.length > LOOKED_AT;
  const redacted = inner === undefined ? redactPart(text.slice(0, LOOKED_AT), cut) : write(inner.value, nested - 1);
  if (redacted.length <= LONGEST && !cut) return redacted;
  return `${redacted.slice(0, LONGEST).toWellFormed()}… (${text.length} characters)`;
}

/** Without its last word where more would follow: it may be the beginning of a secret. */
function redactPart(text: string, cut: boolean): string {
  const redacted = redactText(text);
  let end = redacted.length;
  while (cut && end > 0 && /\S/.test(redacted.charAt(end - 1))) end -= 1;
  return redacted.slice(0, end);
}

/** JSON, with secrets taken out and what is long cut short; as much of it as could be shown. */
function write(value: unknown, nested: number): string {
  const parts: string[] = [];
  let left = MAX_PAYLOAD;
  const say = (text: string) => {
    left -= text.length;
    parts.push(text);
  };
  const put = (value: unknown, depth: number): void => {
    if (typeof value === 'string') say(JSON.stringify(redactString(value, nested)));
    else if (typeof value === 'number') say(numberText(value));
    else if (typeof value !== 'object' || value === null) say(String(value));
    else if (depth > DEEPEST) say('"…"');
    else if (Array.isArray(value)) putAll('[', value, (item) => put(item, depth + 1), ']');
    else putObject(value, depth);
  };
  const putObject = (object: object, depth: number) => {
    const entries = Object.entries(object);
    // As in lists of headers or of an environment: {name: …, value: …}.
    const named = entries.some(
      ([key, value]) =>
        /^(?:name|key|header|field|variable)$/i.test(key) && typeof value === 'string' && SECRET_NAME.test(value),
    );
    putAll(
      '{',
      entries,
      ([key, value]) => {
        say(`${JSON.stringify(redactString(key, 0))}:`);
        if (SECRET_NAME.test(key) || (named && /^val/i.test(key))) say(JSON.stringify(REDACTED));
        else put(value, depth + 1);
      },
      '}',
    );
  };
  const putAll = <T>(open: string, items: readonly T[], each: (item: T) => void, close: string) => {
    say(open);
    for (const [index, item] of items.entries()) {
      if (left < 0) return;
      if (index > 0) say(',');
      if (index === MOST_ITEMS) {
        say(`… ${items.length - MOST_ITEMS} more`);
        break;
      }
      each(item);
    }
    say(close);
  };
  put(value, 0);
  return parts.join('');
}

/** A whole number too large for a number here is shown to be one that was rounded. */
function numberText(value: number): string {
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? value.toExponential() : String(value);
}

/** As much as can be read of what is not JSON. */
function plainText(bytes: Buffer): string {
  const text = bytes.toString('utf8', 0, TEXT_LOOKED_AT);
  const end = text.search(/[^\P{Cc}\t\r\n]|\ufffd/u);
  return escapeInvisible(redactPart(end === -1 ? text : text.slice(0, end), bytes.length > TEXT_LOOKED_AT));
}

/** Nothing that a terminal obeys or that turns a line around. */
function escapeInvisible(text: string): string {
  return text.replace(/[^\P{C}\t\r\n]|[\u2028\u2029]/gu, (char) => {
    const codes = Array.from({ length: char.length }, (_, index) => char.charCodeAt(index));
    return codes.map((code) => `\\u${code.toString(16).padStart(4, '0')}`).join('');
  });
}

function capped(text: string, size: number): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= MAX_PAYLOAD) return text;
  const last = `… (of ${size} bytes)`;
  let end = MAX_PAYLOAD - Buffer.byteLength(last);
  // Not within a character.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end) + last;
}
