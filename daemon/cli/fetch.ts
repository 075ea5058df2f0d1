import { resolve } from 'node:path';
import { makeDirectory } from '../base/durable.ts';
import { PortcullisError } from '../base/errors.ts';
import { readChain } from '../vault/chain.ts';
import { fetchSnapshot } from '../vault/fetch.ts';
import { readFormat } from '../vault/format-object.ts';
import type { Command } from './command.ts';
import { ownVerifyKey, progressTo, readKey, storeOf, VAULT_OPTIONS } from './vault-access.ts';
import { amount } from './words.ts';

export const fetchCommand: Command = {
  name: 'fetch',
  about:
    'Copy a snapshot out of the vault as it stands, encrypted: then isolate, and restore from the copy. The recovery key never meets a connected vault.',
  positionals: ['SEQ'],
  options: {
    ...VAULT_OPTIONS,
    to: {
      type: 'string',
      short: 't',
      value: 'DIR',
      about: 'Where to. Run again, it goes on where it was cut off. Required.',
    },
  },
  examples: [
    'portcullis connect --for 30m --reason "restore of orders"',
    'portcullis fetch 12 --to /srv/fetched',
    'portcullis restore 12 --store /srv/fetched --key recovery.key --to ./restored',
  ],
  async run(args, context) {
    const to = args.text('to');
    if (to === undefined) throw new PortcullisError('usage.wrong', 'fetch needs --to.');
    const seq = Number(args.positionals[0]);
    if (!Number.isSafeInteger(seq) || seq < 1)
      throw new PortcullisError('usage.wrong', `fetch takes the number of a snapshot, not "${args.positionals[0]}".`);
    const from = await storeOf(args, context);
    const verifyKey =
      args.text('key') === undefined ? await ownVerifyKey(args, context) : (await readKey(args, context)).verifyKey;
    const { vaultId } = await readFormat(from);
    const chain = await readChain(from, vaultId, verifyKey);
    for (const { object, reason } of chain.refused) context.err(`REFUSED ${object}: it ${reason}.`);
    const record = chain.records.find((one) => one.seq === seq && one.snapshot !== undefined);
    if (record === undefined) throw new PortcullisError('vault.snapshot', `There is no snapshot ${seq}.`);
    await makeDirectory(to);
    const fetched = await fetchSnapshot({
      from,
      to: await context.openStore({ kind: 'directory', path: resolve(to) }),
      chain,
      record,
      signal: context.interrupted,
      progress: progressTo(
        context,
        ({ objects, bytes, total }) => `${objects} objects, ${amount(bytes)} of ${amount(total)}`,
      ),
    });
    const { missing, ...figures } = fetched;
    for (const { object, reason } of missing) context.err(`NOT FETCHED ${object}: ${reason}`);
    context.out(
      args.json
        ? `${JSON.stringify({ to: resolve(to), seq, ...fetched })}\n`
        : `Snapshot ${seq} of ${record.time} is in ${to}: ${figures.objects} objects, ${amount(figures.bytes)}, still encrypted. The vault is not needed any more.\nNext: portcullis restore ${seq} --store ${to} --key FILE --to DEST\n`,
    );
    if (missing.length > 0)
      throw new PortcullisError(
        'restore.partial',
        `${missing.length} objects could not be fetched; the rest is in ${to}.`,
      );
    return 0;
  },
};
