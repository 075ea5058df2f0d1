import { basename } from 'node:path';
import { isoTime } from '../base/clock.ts';
import { PortcullisError } from '../base/errors.ts';
import {
  fingerprint,
  type Identity,
  readIdentity,
  readOwnSecret,
  recipientKeys,
  statePaths,
  writeIdentity,
} from '../config/state.ts';
import { stageRecipients } from '../vault/change-recipients.ts';
import { expectVault } from '../vault/format-object.ts';
import { answerChallenge, type RecoveryKey } from '../vault/recovery-key.ts';
import { recoverySheet } from '../vault/recovery-sheet.ts';
import { rewrap } from '../vault/rewrap.ts';
import { SessionKeys } from '../vault/session-keys.ts';
import type { Arguments, Command, Context } from './command.ts';
import {
  askPassphrase,
  asRecipient,
  provenFile,
  provenHolder,
  type Recipient,
  writeNew,
  writeNewKey,
} from './key-making.ts';
import { progressTo, readKey, readKeyText, storeOf, VAULT_OPTIONS } from './vault-access.ts';
import { table } from './words.ts';

/** As many as the identity's file takes. */
const MOST_KEYS = 16;

export const keysCommand: Command = {
  name: 'keys',
  about: 'Recovery keys: show who can read what is sealed, make keys, add and remove them, print them.',
  positionals: ['[show|new|add|remove|rewrap|sheet|answer]', '[KEY|CHALLENGE]'],
  options: {
    ...VAULT_OPTIONS,
    to: { type: 'string', short: 't', value: 'FILE', about: 'new, sheet: the file to write. It must not exist.' },
    name: { type: 'string', value: 'NAME', about: 'add, sheet: what people call the key. Default: its file.' },
    'public-key': {
      type: 'string',
      value: 'HEX',
      multiple: true,
      about: 'add: a key whose private half is elsewhere; its holder answers a challenge. rewrap: for whom.',
    },
    passphrase: { type: 'boolean', about: 'new: lock the file with a passphrase.' },
    for: { type: 'string', value: 'APPLIANCE', about: 'new, on another machine: what `keys show` says there.' },
    drill: {
      type: 'boolean',
      about:
        'add: a key that stays on this box, for drills without a person. Whoever has box and vault reads everything.',
    },
  },
  examples: [
    'portcullis keys',
    'portcullis keys new --to /media/usb/second.key --passphrase',
    'portcullis keys add --key /media/usb/second.key --name "safe in Bern"',
    'portcullis keys add --public-key 5f3c… --name "Ada, offline laptop"',
    'portcullis keys remove 9b1d04c2aa7e61f3',
    'portcullis keys rewrap --key first.key',
    'portcullis keys sheet --key second.key --to second.html',
    'portcullis keys answer 04ab… --key second.key',
  ],
  async run(args, context) {
    const [verb = 'show', what] = args.positionals;
    const run = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
    if (run === undefined)
      throw new PortcullisError(
        'usage.wrong',
        `keys does not know "${verb}": it takes ${Object.keys(VERBS).join(', ')}.`,
      );
    if (what !== undefined && verb !== 'remove' && verb !== 'answer')
      throw new PortcullisError('usage.wrong', `keys ${verb} does not take "${what}".`);
    return await run(args, context, what);
  },
};

type Verb = (args: Arguments, context: Context, what: string | undefined) => Promise<number>;

const VERBS: Readonly<Record<string, Verb>> = { show, new: make, add, remove, rewrap: wrapAgain, sheet, answer };

interface Appliance extends Pick<RecoveryKey, 'vaultId' | 'verifyKey'> {
  readonly identity: Identity;
  readonly paths: ReturnType<typeof statePaths>;
}

async function applianceOf(args: Arguments, context: Context): Promise<Appliance> {
  const paths = statePaths(await context.loadConfig(args.configPath));
  const identity = await readIdentity(paths.identity);
  return {
    identity,
    paths,
    vaultId: Buffer.from(identity.vaultId, 'hex'),
    verifyKey: Buffer.from(identity.verifyKey, 'base64'),
  };
}

async function show(args: Arguments, context: Context): Promise<number> {
  if (args.text('key') !== undefined) return showFile(args, context);
  const { identity, vaultId, verifyKey } = await applianceOf(args, context);
  const keys = identity.recipients.map((one) => ({
    fingerprint: fingerprint(one),
    publicKey: Buffer.from(one.key, 'base64').toString('hex'),
    name: one.name,
    kind: one.kind,
    since: one.since,
  }));
  const appliance = `${vaultId.toString('hex')}:${verifyKey.toString('hex')}`;
  if (args.json) {
    context.out(`${JSON.stringify({ vaultId: vaultId.toString('hex'), appliance, keys })}\n`);
    return 0;
  }
  context.out(
    `Everything that is sealed from now on opens with each of these keys (vault ${vaultId.toString('hex')}):\n\n`,
  );
  context.out(
    table(
      ['fingerprint', 'kind', 'since', 'name'],
      keys.map((one) => [one.fingerprint, one.kind, one.since, one.name]),
    ),
  );
  if (keys.length === 1)
    context.out('\nThere is one key: when it is lost, the vault is. `portcullis keys new` makes another.\n');
  context.out(`\nTo make a key on another machine: portcullis keys new --to FILE --for ${appliance}\n`);
  return 0;
}

async function showFile(args: Arguments, context: Context): Promise<number> {
  const key = await readKey(args, context);
  const publicKey = key.publicKey.toString('hex');
  const vaultId = key.vaultId.toString('hex');
  context.out(
    args.json
      ? `${JSON.stringify({ vaultId, publicKey, fingerprint: publicKey.slice(0, 16) })}\n`
      : `Recovery key ${publicKey.slice(0, 16)} of vault ${vaultId}; public key ${publicKey}.\n`,
  );
  return 0;
}

async function make(args: Arguments, context: Context): Promise<number> {
  const to = needed(args, 'new', 'to');
  const elsewhere = args.text('for');
  const appliance = elsewhere === undefined ? await applianceOf(args, context) : parseAppliance(elsewhere);
  const passphrase = args.flag('passphrase') ? await askPassphrase(context) : undefined;
  const key = await writeNewKey(to, appliance, passphrase);
  const publicKey = key.publicKey.toString('hex');
  context.out(
    args.json
      ? `${JSON.stringify({ to, publicKey, fingerprint: publicKey.slice(0, 16) })}\n`
      : `Wrote recovery key ${publicKey.slice(0, 16)} to ${to}. It opens nothing yet. On the appliance:\n  portcullis keys add --key ${to}\nor, so that it never gets there:\n  portcullis keys add --public-key ${publicKey}\n`,
  );
  return 0;
}

function parseAppliance(text: string): Pick<RecoveryKey, 'vaultId' | 'verifyKey'> {
  const [, vaultId, verifyKey] = /^([0-9a-f]{32}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (vaultId === undefined || verifyKey === undefined)
    throw new PortcullisError('usage.wrong', '--for takes what `portcullis keys show` prints on the appliance.');
  return { vaultId: Buffer.from(vaultId, 'hex'), verifyKey: Buffer.from(verifyKey, 'hex') };
}

async function add(args: Arguments, context: Context): Promise<number> {
  const appliance = await applianceOf(args, context);
  const [publicKey, surplus] = args.texts('public-key');
  const file = args.text('key');
  const ways = [file, publicKey, args.flag('drill') || undefined].filter((way) => way !== undefined);
  if (ways.length !== 1 || surplus !== undefined)
    throw new PortcullisError('usage.wrong', 'keys add takes one of --key FILE, --public-key HEX and --drill.');
  if (appliance.identity.recipients.length >= MOST_KEYS)
    throw new PortcullisError('usage.wrong', `There are ${MOST_KEYS} keys already, which is the most.`);
  const name = args.text('name');
  let recipient: Recipient;
  if (file !== undefined) recipient = await provenFile(file, appliance, name, context);
  else if (publicKey !== undefined)
    recipient = await provenHolder(publicKey.toLowerCase(), appliance.vaultId, name, context);
  else {
    if (appliance.identity.recipients.some(({ kind }) => kind === 'drill'))
      throw new PortcullisError('usage.wrong', 'There is a drill key already.');
    const key = await writeNewKey(appliance.paths.drillKey, appliance, undefined);
    recipient = asRecipient(key.publicKey, name ?? 'drills on this box', context, 'drill');
  }
  if (appliance.identity.recipients.some(({ key }) => key === recipient.key))
    throw new PortcullisError('usage.wrong', `The key ${fingerprint(recipient)} is one of the recovery keys already.`);
  await change(appliance, [...appliance.identity.recipients, recipient], context);
  const hint =
    recipient.kind === 'drill'
      ? 'It lies on this box: whoever has the box and the vault can read everything that is sealed from now on.'
      : 'What is in the vault until now does not open with it; `portcullis keys rewrap --key OLD` makes it.';
  report(args, context, { added: fingerprint(recipient) }, `Added recovery key ${fingerprint(recipient)}. ${hint}`);
  return 0;
}

async function remove(args: Arguments, context: Context, what: string | undefined): Promise<number> {
  if (what === undefined)
    throw new PortcullisError(
      'usage.wrong',
      'keys remove needs a fingerprint or a name, as `portcullis keys` lists them.',
    );
  const appliance = await applianceOf(args, context);
  const { recipients } = appliance.identity;
  const meant = recipients.filter(
    (one) => one.name === what || (what.length >= 4 && fingerprint(one).startsWith(what.toLowerCase())),
  );
  const [gone] = meant;
  if (gone === undefined || meant.length > 1)
    throw new PortcullisError(
      'usage.wrong',
      `"${what}" fits ${meant.length} of the ${recipients.length} recovery keys.`,
    );
  const left = recipients.filter((one) => one !== gone);
  if (!left.some(({ kind }) => kind === 'recovery'))
    throw new PortcullisError('usage.wrong', 'This is the last recovery key: add another one first.');
  await change(appliance, left, context);
  // The file stays: what was sealed until now opens with it.
  const hint =
    gone.kind === 'drill'
      ? ` Its file ${appliance.paths.drillKey} still opens what was sealed until now: remove it.`
      : ' It still opens what was sealed until now, for as long as that is in the vault.';
  report(args, context, { removed: fingerprint(gone) }, `Removed recovery key ${fingerprint(gone)}.${hint}`);
  return 0;
}

/** The vault first: an appliance that is lost meanwhile comes back with the keys of either set. */
async function change(appliance: Appliance, recipients: readonly Recipient[], context: Context): Promise<void> {
  const { identity, paths, vaultId } = appliance;
  const next = { ...identity, recipients: [...recipients] };
  await stageRecipients({
    staging: paths.staging,
    vaultId,
    secrets: {
      sealing: await readOwnSecret(paths.sealingSecret),
      signing: await readOwnSecret(paths.signingSeed),
    },
    recipients: recipientKeys(next),
    wall: context.clock.wall(),
  });
  await writeIdentity(paths.identity, next);
}

function report(args: Arguments, context: Context, figures: object, text: string): void {
  if (args.json) context.out(`${JSON.stringify(figures)}\n`);
  else
    context.out(
      `${text}\nEvery source is sealed as a whole once more, to the keys there are now, in the next window.\n`,
    );
}

async function wrapAgain(args: Arguments, context: Context): Promise<number> {
  const key = await readKey(args, context);
  const given = args.texts('public-key').map((text) => Buffer.from(text, 'hex'));
  if (given.some(({ length }) => length !== 32))
    throw new PortcullisError('usage.wrong', '--public-key takes 64 hex digits, as `portcullis keys show` prints.');
  const to = given.length > 0 ? given : recipientKeys((await applianceOf(args, context)).identity);
  const store = await storeOf(args, context);
  await expectVault(store, key.vaultId);
  const keys = new SessionKeys(store, key);
  const done = await rewrap(
    store,
    key.vaultId,
    (id) => keys.get(id),
    to,
    progressTo(context, ({ sessions }) => `${sessions} sessions looked at`),
  );
  const closed = done.closed === 0 ? '' : ` ${done.closed} do not open with this key and stay as they are.`;
  context.out(
    args.json
      ? `${JSON.stringify(done)}\n`
      : `Of ${done.sessions} sessions ${done.wrapped} were wrapped again, to ${to.length} ${to.length === 1 ? 'key' : 'keys'}.${closed}\n`,
  );
  return done.closed === 0 ? 0 : 1;
}

async function sheet(args: Arguments, context: Context): Promise<number> {
  const path = needed(args, 'sheet', 'key');
  const to = needed(args, 'sheet', 'to');
  const name = args.text('name') ?? basename(path);
  const page = recoverySheet(await readKeyText(path), { name, printed: isoTime(context.clock.wall()) });
  if (to === '-') context.out(page);
  else await writeNew(to, page);
  if (to !== '-')
    context.out(
      args.json ? `${JSON.stringify({ to })}\n` : `Wrote ${to}. Print it from a machine you trust, then delete it.\n`,
    );
  return 0;
}

async function answer(args: Arguments, context: Context, challenge: string | undefined): Promise<number> {
  if (challenge === undefined) throw new PortcullisError('usage.wrong', 'keys answer needs the challenge.');
  const said = await answerChallenge(await readKey(args, context), challenge);
  context.out(args.json ? `${JSON.stringify({ answer: said })}\n` : `${said}\n`);
  return 0;
}

function needed(args: Arguments, verb: string, option: string): string {
  const value = args.text(option);
  if (value === undefined) throw new PortcullisError('usage.wrong', `keys ${verb} needs --${option}.`);
  return value;
}
