import { isoTime } from '../base/clock.ts';
import { durationMs } from '../base/duration.ts';
import { hasCode, PortcullisError } from '../base/errors.ts';
import { readIdentity, statePaths } from '../config/state.ts';
import { expectVault } from '../vault/format-object.ts';
import { readLost } from '../vault/lost-packs.ts';
import { tellSeal } from '../vault/tell-seal.ts';
import { type Finding, type Verified, type VerifyOptions, verify } from '../vault/verify.ts';
import { type Progress, verifyShare } from '../vault/verify-share.ts';
import type { Arguments, Command, Context } from './command.ts';
import { ownVerifyKey, progressTo, readKey, storeOf, VAULT_OPTIONS } from './vault-access.ts';
import { amount } from './words.ts';

export const verifyCommand: Command = {
  name: 'verify',
  about: 'Check the vault: structure, chain and signatures; with --read-data every byte; with --key every file.',
  positionals: [],
  options: {
    ...VAULT_OPTIONS,
    'read-data': { type: 'boolean', about: 'Read and hash every pack.' },
    share: {
      type: 'string',
      value: 'N/M',
      about:
        'On the appliance, with --read-data: go on where the last such run stopped, and read this part of all packs.',
    },
    for: { type: 'string', value: 'DURATION', about: 'As --share, for so long: 10m. Of both, what ends first.' },
    'expect-head': {
      type: 'string',
      value: 'HASH',
      about: 'Hash of a commit record that must be there; finds a cut tail.',
    },
  },
  examples: [
    'portcullis verify --read-data',
    'portcullis verify --read-data --share 1/30',
    'portcullis verify --store /mnt/vault --key recovery.key --read-data',
  ],
  async run(args, context) {
    const key = args.text('key') === undefined ? undefined : await readKey(args, context);
    const expectHead = args.text('expect-head');
    const store = await storeOf(args, context);
    const common: Omit<VerifyOptions, 'readData'> = {
      store,
      verifyKey: key?.verifyKey ?? (await ownVerifyKey(args, context)),
      ...(expectHead === undefined ? {} : { expectHead }),
      signal: context.interrupted,
      progress: progressTo(context, ({ objects, bytes }) => `${objects} objects, ${amount(bytes)}`),
    };
    const withKey = key === undefined ? {} : { key };
    const own = args.text('store') === undefined ? await ownState(args, context) : undefined;
    if (own !== undefined) await expectVault(store, own.vaultId);
    const enough = shareOf(args, context);
    if (enough !== undefined && (own === undefined || key !== undefined || !args.flag('read-data')))
      throw new PortcullisError(
        'usage.wrong',
        '--share and --for go with --read-data, on the appliance that remembers how far it is: without --store and --key.',
      );
    const { verified, progress }: { verified: Verified; progress?: Progress } =
      enough !== undefined && own !== undefined
        ? await verifyShare({ ...common, ...own, wall: () => context.clock.wall(), enough })
        : {
            verified: await verify({
              ...common,
              ...withKey,
              wall: context.clock.wall(),
              ...(own === undefined ? {} : { known: await readLost(own.state) }),
              readData: args.flag('read-data'),
            }),
          };
    if (own !== undefined) await tellSeal(store, own.state, own.vaultId, verified);
    const { findings, unusable, ...figures } = verified;
    if (args.json)
      context.out(`${JSON.stringify({ ...verified, ...(progress === undefined ? {} : { round: progress }) })}\n`);
    else {
      for (const finding of findings) context.out(describe(finding));
      if (unusable.packs.length > 0) context.out(afterwards(unusable.packs.length, own !== undefined));
      const verdict = findings.length === 0 ? 'The vault is sound' : `The vault has ${findings.length} findings`;
      const packs =
        progress !== undefined
          ? 'a share of the packs read'
          : args.flag('read-data')
            ? 'every byte read'
            : 'packs looked for, not read';
      const cached = figures.cachedBytes > 0 ? `, ${amount(figures.cachedBytes)} of it from memory (cached)` : '';
      context.out(
        `${verdict}: ${figures.snapshots} snapshots${figures.expired > 0 ? `, ${figures.expired} of them expired` : ''}, ${figures.objects} objects, ${amount(figures.bytes)} hashed${cached} (${packs}), ${figures.orphans} packs no snapshot needs.\n`,
      );
      if (progress !== undefined) context.out(roundText(progress));
    }
    return findings.length === 0 ? 0 : 1;
  },
};

/** Where this appliance remembers what `verify` finds, and of which vault. Undefined where a configuration has no appliance yet. */
async function ownState(args: Arguments, context: Context): Promise<{ state: string; vaultId: Buffer } | undefined> {
  const { identity, index } = statePaths(await context.loadConfig(args.configPath));
  try {
    return { state: index, vaultId: Buffer.from((await readIdentity(identity)).vaultId, 'hex') };
  } catch (error) {
    if (hasCode(error, 'state.uninitialised')) return undefined;
    throw error;
  }
}

/** When a run has read its share; undefined when it is to read everything, or nothing. */
function shareOf(args: Arguments, context: Context): ((bytes: number, total: number) => boolean) | undefined {
  const [share, time] = [args.text('share'), args.text('for')];
  if (share === undefined && time === undefined) return undefined;
  const [, part = '1', whole = '1'] = /^(\d{1,6})\/(\d{1,6})$/.exec(share ?? '1/1') ?? [];
  const fraction = share === undefined ? Number.POSITIVE_INFINITY : Number(part) / Number(whole);
  if (share !== undefined && (!/^\d{1,6}\/\d{1,6}$/.test(share) || !(fraction > 0 && fraction <= 1)))
    throw new PortcullisError('usage.wrong', `--share takes a part such as 1/30, not "${share}".`);
  const milliseconds = time === undefined ? Number.POSITIVE_INFINITY : (durationMs(time) ?? 0);
  if (milliseconds === 0)
    throw new PortcullisError('usage.wrong', `--for takes a duration such as 10m, not "${time}".`);
  const end = context.clock.monotonic() + milliseconds;
  return (bytes, total) => bytes >= total * fraction || context.clock.monotonic() >= end;
}

function several(packs: number): string {
  return packs === 1 ? '1 pack' : `${packs} packs`;
}

function roundText({ began, packs, bytes, left, finished }: Progress): string {
  const read = `${several(packs)}, ${amount(bytes)}, read since ${isoTime(began)}`;
  if (left === 0) return `This round is over: ${read}. The next share begins a new one.\n`;
  const last = finished === undefined ? 'None has been finished yet' : `The last one ended ${isoTime(finished.ended)}`;
  return `This round: ${read}; ${several(left)} left. ${last}.\n`;
}

function afterwards(packs: number, own: boolean): string {
  const lost = `Lost: ${several(packs)}`;
  return own
    ? `${lost}. Nothing is built on what is lost; the next seal writes again what the sources still have of it.\n`
    : `${lost}. Run \`portcullis verify\` on the appliance, without --store, so that its next seal writes the content again.\n`;
}

function describe({ object, problem, snapshots, path }: Finding): string {
  const hurt =
    snapshots.length === 0 ? 'no snapshot' : `snapshot${snapshots.length === 1 ? '' : 's'} ${snapshots.join(', ')}`;
  return `BAD ${object}: ${problem}${path === undefined ? '' : ` (${path})`}; needed by ${hurt}.\n`;
}
