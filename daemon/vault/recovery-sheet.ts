import { entropyToMnemonic } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import encodeQr from 'qr';
import { parseKeyFile } from './key-file.ts';

export interface SheetFacts {
  /** What people call this key. */
  readonly name: string;
  /** RFC 3339. */
  readonly printed: string;
}

/**
 * A page to print from the text of a key file: a QR code that reads as that text, the lines to type in, and, of a key without a passphrase, the
 * private key as 24 words. HTML that loads nothing. Throws `vault.key` when the text is no recovery key.
 */
export function recoverySheet(text: string, { name, printed }: SheetFacts): string {
  const file = parseKeyFile(text);
  const lines = text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#'));
  const words = file.kind === 'open' ? entropyToMnemonic(file.key.privateKey.reveal(), wordlist).split(' ') : undefined;
  const vault = lines.find((line) => /^vault-id/i.test(line))?.replace(/^vault-id *: *| *\[.*$/gi, '') ?? '';
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Portcullis recovery key: ${escaped(name)}</title>
<style>
  @page { size: A4; margin: 18mm }
  body { font: 11pt/1.45 sans-serif; color: #000; max-width: 174mm; margin: 0 auto; padding: 4mm }
  h1 { font-size: 17pt; margin: 0 0 2mm } h2 { font-size: 12pt; margin: 6mm 0 1.5mm }
  p, ul { margin: 0 0 2mm } .warn { border: 1.5pt solid #000; padding: 2.5mm; font-weight: bold }
  .code { display: flex; gap: 6mm; align-items: center } .code svg { width: 62mm; height: 62mm; flex: none }
  pre, ol { font: 9.5pt/1.6 monospace; white-space: pre-wrap; overflow-wrap: anywhere }
  ol { columns: 4; margin: 0; padding-left: 9mm }
</style>
<h1>Portcullis recovery key: ${escaped(name)}</h1>
<p>Vault ${escaped(vault)}. Printed ${escaped(printed)}.</p>
<p class="warn">${
    words === undefined
      ? 'With this sheet and its passphrase everything in the vault can be read, and without both of them nothing.'
      : 'Whoever has this sheet can read everything in the vault. Without it, or another recovery key, nobody can.'
  } Keep it away from the appliance and from the vault.</p>
<h2>To restore</h2>
<div class="code">${encodeQr(`${lines.join('\n')}\n`, 'svg', { ecc: 'medium' })}
<ul>
<li>Read the code with any scanner, or type the lines below, into a file <code>recovery.key</code>. Space and letter case do not matter; each line ends in a checksum.</li>
<li><code>portcullis restore --at 2030-01-31T00:00:00Z --store /mnt/vault --key recovery.key --to ./restored</code></li>
<li>Without Portcullis: its vault format and a reader in Python are with its source, <code>docs/vault-format.md</code> and <code>scripts/portcullis-reader.py</code>.</li>
</ul></div>
<h2>The lines</h2>
<pre>${lines.map(escaped).join('\n')}</pre>
${
  words === undefined
    ? ''
    : `<h2>The private key in words (BIP 39)</h2>
<p>May stand in the file instead of its digits, in this order, on one line: <code>private-key: ${words[0]} …</code></p>
<ol>${words.map((word) => `<li>${word}</li>`).join('')}</ol>
`
}</html>
`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
