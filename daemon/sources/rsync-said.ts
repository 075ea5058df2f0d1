/** What one line that rsync, or the ssh it runs, printed means. Names are latin-1 of their bytes, as the sender has them. */
export type Said =
  | { readonly kind: 'copied' }
  | { readonly kind: 'problem'; readonly name: string; readonly why: string }
  | { readonly kind: 'skipped'; readonly name: string }
  | { readonly kind: 'no root'; readonly why: string }
  | { readonly kind: 'full' }
  | { readonly kind: 'other'; readonly text: string }
  | { readonly kind: 'nothing' };

/** Begins the line of each file that was copied; told by `--out-format`, without the name. */
export const COPIED = '>f';

const NOISE =
  /^(?:rsync (?:error|warning): |IO error encountered|sent \d|total size|file list|\s*$|@@@|WARNING: .* failed verification -- update discarded \(will try again\))/;

export function readLine(line: string): Said {
  if (line.startsWith(COPIED)) return { kind: 'copied' };
  if (/No space left on device/.test(line)) return { kind: 'full' };
  const root = /change_dir "(.*)" failed: (.*?)(?: \(\d+\))?$/.exec(line);
  if (root !== null) return { kind: 'no root', why: root[2] ?? '' };
  const vanished = /^file has vanished: "(.*)"/.exec(line);
  if (vanished !== null) return { kind: 'problem', name: named(vanished[1]), why: 'it vanished while it was copied' };
  const skipped = /^skipping non-regular file "(.*)"/.exec(line);
  if (skipped !== null) return { kind: 'skipped', name: named(skipped[1]) };
  const discarded = /^ERROR: (.*) failed verification -- update discarded/.exec(line);
  if (discarded !== null) return { kind: 'problem', name: named(discarded[1]), why: 'it changed while it was copied' };
  // rsync: [sender] send_files failed to open "/data/x": Permission denied (13)
  const failed = /^rsync: (?:\[\w+\] )?(.*?)[ (]"(.*?)"\)?(?: .*?)?: (.*?)(?: \(\d+\))?$/.exec(line);
  if (failed !== null) return { kind: 'problem', name: named(failed[2]), why: `cannot be copied (${failed[3]})` };
  return NOISE.test(line) ? { kind: 'nothing' } : { kind: 'other', text: printable(line) };
}

/** A failure that leaves nothing to seal, in words that say what to do. `lines` are what was printed, the last ones. */
export function whyFailed(status: number, lines: readonly string[], host: string): string {
  const text = lines.join('\n');
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED|host key is known|Host key verification failed/i.test(text))
    return `${host} has another host key than \`hostKey\` says. Find out why before anything else; if it was given a new one, take it from /etc/ssh/ssh_host_ed25519_key.pub on the host itself`;
  if (/UNPROTECTED PRIVATE KEY|bad permissions/i.test(text))
    return 'the file of `sshKey` may be read by others, and ssh does not take it then: chmod 600';
  if (/Load key .*: |Identity file .* not accessible/i.test(text) && /Permission denied/.test(text))
    return 'the file of `sshKey` cannot be read, or holds no private key without a passphrase';
  if (/Permission denied \(/.test(text))
    return `${host} does not take the key of \`sshKey\`: its line is missing in the user's authorized_keys`;
  if (status === 127 || /command not found|rsync: not found|remote command not found/i.test(text))
    return `rsync is not installed on ${host}, or not found there`;
  if (/(?:ACLs|extended attributes) are not supported|xattrs? .*not supported/i.test(text))
    return `rsync on ${host} cannot copy ACLs or extended attributes: set \`attributes: false\``;
  if (/rrsync|does not allow|is not allowed/i.test(text)) return `${host} does not permit this: ${last(lines)}`;
  return `rsync ended with status ${status}: ${last(lines)}`;
}

function last(lines: readonly string[]): string {
  const telling = lines.filter((line) => !/^\s*$|^@@@/.test(line) && !line.startsWith(COPIED));
  return printable(telling.slice(-3).join(' ')) || 'it said nothing';
}

/** rsync writes bytes that do not print as `\#012`. */
function named(name = ''): string {
  return name.replace(/\\#(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function printable(text: string): string {
  return text
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 500);
}
