import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { isDeepStrictEqual, promisify } from 'node:util';
import { isoTime } from '../base/clock.ts';
import { hasCode, PortcullisError, reasonOf } from '../base/errors.ts';
import { showUnit } from '../base/systemctl.ts';
import { coverage, type Failure } from '../board/coverage.ts';
import { behindUplink } from '../config/board-rules.ts';
import { heartbeatOf } from '../config/heartbeat.ts';
import type { Config, SecretRef } from '../config/schema.ts';
import { readSecret } from '../config/secret.ts';
import { readIdentity, statePaths } from '../config/state.ts';
import { readTls } from '../config/tls.ts';
import { gateConfig } from '../gate/config.ts';
import { GateFiles } from '../gate/files.ts';
import { certificateEnd } from '../intake/scheme-aws-sns.ts';
import { strengthOf } from '../intake/schemes.ts';
import { readCarrier } from '../keeper/carrier.ts';
import { judgeMount, MOUNT_PROPERTIES } from '../keeper/mount-unit.ts';
import { type AtRest, atRest } from '../sources/at-rest.ts';
import type { Command, Context } from './command.ts';
import { compileFor, judgeOnDisk } from './gate-file.ts';
import { gateView } from './sockets.ts';
import { heartbeatWords } from './words.ts';

const run = promisify(execFile);

type Verdict = 'ok' | 'warning' | 'bad';
interface Finding {
  readonly check: string;
  readonly verdict: Verdict;
  readonly detail: string;
  readonly remedy: string;
}

export const doctorCommand: Command = {
  name: 'doctor',
  about: 'Examine this very box: configuration, keys, latch, clock, board, programs, processes.',
  positionals: [],
  options: {},
  examples: ['portcullis doctor', 'portcullis doctor --json'],
  async run(args, context) {
    const config = await context.loadConfig(args.configPath);
    const findings = [
      { check: 'configuration', verdict: 'ok', detail: `${args.configPath} is sound.`, remedy: '' } satisfies Finding,
      ...(await Promise.all(CHECKS.map((check) => check(config, context)))),
      // By itself: it measures what this process reads.
      await readBack(config, context),
      ...tls(config, context),
      ...senders(config, context),
      ...heartbeats(config),
      ...(await covers(config, context)),
    ];
    const bad = findings.some(({ verdict }) => verdict === 'bad');
    if (args.json) context.out(`${JSON.stringify({ ok: !bad, findings })}\n`);
    else {
      const marks: Record<Verdict, string> = { ok: '  ok ', warning: 'WARN ', bad: ' BAD ' };
      for (const { check, verdict, detail, remedy } of findings) {
        context.out(`${marks[verdict]} ${check.padEnd(14)} ${detail}${verdict === 'ok' ? '' : ` ${remedy}`}\n`);
      }
    }
    return bad ? 1 : 0;
  },
};

type Check = (config: Config, context: Context) => Promise<Finding>;

const ok = (check: string, detail: string): Finding => ({ check, verdict: 'ok', detail, remedy: '' });
const warning = (check: string, detail: string, remedy: string): Finding => ({
  check,
  verdict: 'warning',
  detail,
  remedy,
});
const bad = (check: string, detail: string, remedy: string): Finding => ({ check, verdict: 'bad', detail, remedy });

const CHECKS: readonly Check[] = [
  identity,
  keys,
  recoveryKeys,
  latch,
  gateFile,
  clock,
  board,
  coilSupply,
  uplink,
  proofs,
  git,
  workingCopies,
  store,
  processes,
];

async function identity(config: Config): Promise<Finding> {
  try {
    const { id, vaultId, recipients } = await readIdentity(statePaths(config).identity);
    return ok(
      'identity',
      `Appliance ${id}, vault ${vaultId}, ${recipients.length} recovery ${recipients.length === 1 ? 'key' : 'keys'}.`,
    );
  } catch (error) {
    return bad('identity', reasonOf(error), error instanceof PortcullisError ? error.remedy : '');
  }
}

async function recoveryKeys(config: Config): Promise<Finding> {
  const { recipients } = await readIdentity(statePaths(config).identity).catch(() => ({ recipients: [] }));
  const kinds = recipients.map(({ kind }) => kind);
  const recovery = kinds.filter((kind) => kind === 'recovery').length;
  if (kinds.includes('drill'))
    return warning(
      'recovery keys',
      'A drill key lies on this box: whoever has the box and the vault can read everything that was sealed since.',
      'Keep box and vault apart, or `portcullis keys remove` it.',
    );
  if (recovery === 0) return bad('recovery keys', 'There is none.', 'Run `portcullis init`.');
  if (recovery === 1)
    return warning(
      'recovery keys',
      'There is one recovery key: when it is lost, so is the vault.',
      'Make another, `portcullis keys new`, and keep it elsewhere.',
    );
  return ok('recovery keys', `${recovery} recovery keys; the appliance has none of them.`);
}

async function keys(config: Config): Promise<Finding> {
  const { sealingSecret, signingSeed } = statePaths(config);
  for (const path of [sealingSecret, signingSeed]) {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) return bad('keys', `${path} is missing.`, 'Run `portcullis init` once.');
    if ((found.mode & 0o077) !== 0) return bad('keys', `${path} may be read by others.`, `chmod 600 ${path}`);
  }
  return ok('keys', 'The sealing secret and the signing seed are there, and only their owner may read them.');
}

async function latch(config: Config, context: Context): Promise<Finding> {
  try {
    const { id } = await readIdentity(statePaths(config).identity);
    const held = await new GateFiles(statePaths(config).gateState, id).readLatch(context.clock.wall());
    return held.kind === 'clear'
      ? ok('latch', 'Clear.')
      : warning(
          'latch',
          `${held.kind} since ${isoTime(held.wall)}: ${held.cause.reason}`,
          'Find out why, then reset at the box.',
        );
  } catch (error) {
    return bad('latch', reasonOf(error), 'Run `portcullis init` once.');
  }
}

/** The gate obeys what was compiled, and what was accepted, not what stands in the configuration. */
async function gateFile(config: Config): Promise<Finding> {
  const { gateJson, identity: path } = statePaths(config);
  try {
    const { id } = await readIdentity(path);
    const compiled = gateConfig(JSON.parse(await readFile(gateJson, 'utf8')));
    if (!isDeepStrictEqual(compiled, compileFor(config, id)))
      return warning('gate file', `${gateJson} is older than the configuration.`, 'Run `portcullis config apply`.');
    const rules = await judgeOnDisk(config, compiled);
    return rules.kind === 'current'
      ? ok('gate file', `${gateJson} is what the configuration says, and accepted.`)
      : warning(
          'gate file',
          `${gateJson} waits for a person at the box: ${rules.reasons.join(' ')}`,
          'While the gate runs, run `portcullis config apply` and press the button.',
        );
  } catch (error) {
    return bad('gate file', `${gateJson}: ${reasonOf(error)}.`, 'Run `portcullis config apply`.');
  }
}

async function clock(config: Config, context: Context): Promise<Finding> {
  if (config.appliance.clock === 'system')
    return warning(
      'clock',
      'The system clock is trusted as it is.',
      'Set `appliance.clock: synchronised` on a box that protects anything.',
    );
  return (await context.clockSynchronised())
    ? ok('clock', 'Synchronised in this boot.')
    : bad('clock', 'Not synchronised: nothing connects on schedule.', 'Enable systemd-timesyncd or chrony.');
}

async function board(config: Config): Promise<Finding> {
  if (config.board.driver === 'simulated') {
    return warning(
      'board',
      `The simulated board in ${config.board.directory}: no relay, no isolation.`,
      'For trying out only; a relay board protects.',
    );
  }
  const { relay, relay2, uplink: door } = config.board;
  const name = (part: typeof relay) =>
    part.driver === 'serial' ? `${part.model} at ${part.port}` : `${part.driver} ${part.chip} line ${part.line}`;
  const series = relay2 === undefined ? '' : `; in series: ${name(relay2)}`;
  const second = door === undefined ? '' : `; uplink: ${name(door.relay)}, switching ${door.interface}`;
  return ok('board', `Relay: ${name(relay)}${series}${second}.`);
}

async function coilSupply({ board: { driver, ...parts } }: Config): Promise<Finding> {
  return driver === 'simulated' || ('supply' in parts && parts.supply !== undefined)
    ? ok('coil supply', "Sensed behind the button's closed pole.")
    : warning(
        'coil supply',
        "Not sensed: whether the button's closed pole opens it is a claim nobody checks.",
        'Wire the sense line and name it in `board.supply`.',
      );
}

/** What must not sit behind the second door, as this machine's network is now. */
async function uplink(config: Config, context: Context): Promise<Finding> {
  const door = config.board.uplink;
  if (door === undefined || door === false) return ok('uplink', 'There is none.');
  if (door === true) return ok('uplink', 'Simulated: it switches no interface.');
  const { interface: name } = door;
  const network = await context.networkFacts();
  const behind = behindUplink(config, network).map(({ found }) => found);
  if (behind.length > 0)
    return bad('uplink', `Behind ${name}: ${behind.join('; ')}.`, 'Intake and time must work while it is isolated.');
  const unknown = [
    ...(network.addresses[name] === undefined
      ? [`${name} has no address now, so whether intake sits on it cannot be told.`]
      : []),
    ...network.unknown,
  ];
  return unknown.length === 0
    ? ok('uplink', `Neither intake nor the way to the time is behind ${name}.`)
    : warning('uplink', unknown.join(' '), `Make sure that neither intake nor time sits behind ${name}.`);
}

/** The proofs that the keeper takes. Without each of them the gate never calls the link connected. */
async function proofs({ board }: Config): Promise<Finding> {
  const { carrier, probe } = board.driver === 'hardware' ? board : {};
  const { caveat } = carrier === undefined ? {} : await readCarrier(carrier);
  if (caveat !== undefined)
    return bad('proofs', caveat, 'Check `board.carrier`; nothing connects while it cannot be read.');
  if (carrier !== undefined && !(await isInstalled('ip')))
    return warning('proofs', '`ip` is not installed: changes of the carrier are seen late.', 'Install iproute2.');
  if (probe !== undefined && isIP(probe.host) === 0)
    return warning(
      'proofs',
      `The probe of ${probe.host} needs a name service, which must not stand behind the link.`,
      'Set `board.probe.host` to an address.',
    );
  const names = Object.entries({ carrier, probe }).flatMap(([name, part]) => (part === undefined ? [] : [name]));
  return ok('proofs', names.length === 0 ? 'The keeper has none to take.' : `The keeper takes ${names.join(' and ')}.`);
}

async function isInstalled(program: string): Promise<boolean> {
  try {
    await run(program, ['-V']);
    return true;
  } catch {
    return false;
  }
}

/** Each way things can fail, and what on this very box then drops the relay. */
async function covers(config: Config, context: Context): Promise<Finding[]> {
  const facts = await context.boxFacts(config);
  return coverage(config.board, facts).map(({ failure, by, uncounted }) =>
    by.length > 0
      ? ok(failure, [`${by.join('; ')}.`, ...uncounted].join(' '))
      : bad(
          failure,
          ['Nothing on this box drops the relay then: NOT SAFE.', ...uncounted].join(' '),
          facts.missing.length > 0 ? 'Run it where this board is, as a user that may see it.' : REMEDIES[failure],
        ),
  );
}

const REMEDIES: Record<Failure, string> = {
  SIGKILL: 'Add a heartbeat line with a dead-man circuit, set strict_gpiod, or install the unit with its off-helper.',
  hang: 'Add a heartbeat line with a dead-man circuit, or run the gate under systemd with WatchdogSec.',
  'kernel hang': 'Add a heartbeat line with a dead-man circuit, or set RuntimeWatchdogSec.',
  'power loss': 'Use a relay that needs current to stay made, or a board with its own timer.',
  'welded contact': 'Add a second relay in series, and an auxiliary contact that shows the weld.',
  'stuck driver': "Add a second relay in series, and the button's closed pole in series with the coil, sensed.",
  'stuck uplink': 'Let this machine see the board: nothing reads the contact of the uplink.',
};

/** Whether intake can speak TLS with the files that are there. */
function tls({ intake }: Config, { clock }: Context): Finding[] {
  if (intake.tls === undefined) return [];
  const judged = readTls(intake.tls);
  if (!judged.ok)
    return judged.faults.map(({ key, found, accepted }) =>
      bad(
        'tls',
        `\`intake.tls.${key}\` is ${found}: intake speaks with what it had, or does not start.`,
        `It takes ${accepted}.`,
      ),
    );
  const { ends } = judged.material;
  const detail = `Intake speaks TLS with a certificate that ends ${isoTime(ends)}`;
  return ends < clock.wall() + SOON_MS
    ? [warning('tls', `${detail}: from then on senders that look refuse it.`, 'Put a new one in its place.')]
    : [ok('tls', `${detail}.`)];
}

/** What an alert of each source proves. */
function senders({ intake: { host, tls, sources } }: Config, context: Context): Finding[] {
  if (sources.length === 0) return [ok('alerts', 'Nobody may send any.')];
  return sources.map(({ name, auth }) => {
    const strength = strengthOf(auth);
    const detail = `From ${name} (${auth.scheme}): ${strength}.`;
    const end = auth.scheme === 'aws-sns' ? lastCertificateEnd(auth.secrets, context) : undefined;
    if (end !== undefined && end < context.clock.wall() + SOON_MS)
      return warning(
        'alerts',
        `${detail} Its last certificate ends ${isoTime(end)}, and from then on its alerts are refused.`,
        'Add the one that Amazon SNS signs with next.',
      );
    switch (strength) {
      case 'signed body + time':
      case 'signed body, replayable':
      case 'client certificate (TLS)':
        return ok('alerts', detail);
      case 'shared secret in a header':
        return tls !== undefined || isLoopback(host)
          ? ok('alerts', detail)
          : warning(
              'alerts',
              `${detail} Intake listens at ${host} without TLS: whoever is on the way can read it.`,
              'Set `intake.tls`, or use a scheme that signs.',
            );
      case 'secret in the URL: appears in logs':
        return warning('alerts', detail, 'Use it only for a sender that can do nothing else.');
      default:
        return strength satisfies never;
    }
  });
}

/** Senders switch themselves off silently. */
function heartbeats({ intake: { sources } }: Config): Finding[] {
  if (sources.length === 0) return [];
  const unwatched = sources.filter(({ heartbeat }) => heartbeat === undefined).map(({ name }) => name);
  if (unwatched.length > 0)
    return [
      warning(
        'heartbeats',
        `Nobody would notice the silence of ${unwatched.join(', ')}.`,
        'Give each a `heartbeat`, or `none` where silence means nothing: docs/heartbeats.md.',
      ),
    ];
  const each = sources.map((source) => `${source.name}: ${heartbeatWords(heartbeatOf(source))}`);
  return [ok('heartbeats', `${each.join('; ')}.`)];
}

const SOON_MS = 30 * 86_400_000;

/** Undefined where this user may read none: `config check` says so. */
function lastCertificateEnd(refs: readonly SecretRef[], { env }: Context): number | undefined {
  const ends = refs.flatMap((ref) => {
    const read = readSecret(ref, env);
    return (read.ok && certificateEnd(read.secret)) || [];
  });
  return ends.length === 0 ? undefined : Math.max(...ends);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

/** Whether this store can be read past this machine's memory: else read-back proves the writing, not the medium. */
async function readBack(config: Config, context: Context): Promise<Finding> {
  try {
    const { direct } = await (await context.openStore(config.vault.store)).readBack('FORMAT');
    return direct
      ? ok('read-back', "What is shipped is read back past this machine's memory.")
      : warning(
          'read-back',
          "The vault cannot be read past this machine's memory: what is shipped is read back *cached*.",
          'Use ext4, xfs or NFS, or run `portcullis verify --read-data` in the connection after.',
        );
  } catch {
    return ok('read-back', 'Not tried: the vault is not connected.');
  }
}

async function git(config: Config): Promise<Finding> {
  if (!config.sources.some(({ kind }) => kind === 'git')) return ok('git', 'No source needs it.');
  try {
    return ok('git', `${(await run('git', ['--version'])).stdout.trim()}.`);
  } catch (error) {
    return bad('git', `git does not run: ${reasonOf(error)}.`, 'Install git.');
  }
}

async function workingCopies(config: Config): Promise<Finding> {
  const { work } = statePaths(config);
  if (config.appliance.work !== undefined && !existsSync(work))
    return bad(
      'working copies',
      `${work} does not exist, and is not made: its volume may not be mounted.`,
      'Mount it, or make the folder in it. Sources fail meanwhile.',
    );
  const { kind, detail } = await atRest(work).catch(
    (error: unknown): AtRest => ({ kind: 'unknown', detail: reasonOf(error) }),
  );
  const remedy =
    'Name a folder on an encrypted volume (LUKS) with `appliance.work`, or put the state directory on one.';
  switch (kind) {
    case 'encrypted':
      return ok('working copies', `${work} lies on ${detail}: encrypted at rest.`);
    case 'plaintext':
      return warning(
        'working copies',
        `${work} lies on ${detail}, not on an encrypted device: plaintext at rest.`,
        remedy,
      );
    case 'unknown':
      return warning('working copies', `Whether ${work} is plaintext at rest cannot be told: ${detail}.`, remedy);
    default:
      return kind satisfies never;
  }
}

/** A store can be asked only while it can be reached, which is seldom, and no fault. */
async function store(config: Config, context: Context): Promise<Finding> {
  const { store: at } = config.vault;
  if (at.kind === 'directory' && at.mount !== undefined) {
    const [problem] = judgeMount(at.mount, await showUnit(at.mount, MOUNT_PROPERTIES), at.path);
    if (problem !== undefined) return bad('store', problem.detail, problem.remedy);
  }
  if (at.kind === 'directory' && at.immutable !== true)
    return ok('store', `The directory ${at.path}: what keeps it is that it is isolated, nothing in it is locked.`);
  try {
    const { kind, detail } = await context.examineStore(at, config.appliance.runtime);
    return kind === 'enforced' ? ok('store', detail) : warning('store', detail, STORE_REMEDIES[at.kind]);
  } catch (error) {
    if (!hasCode(error, 'store.gone'))
      return bad('store', reasonOf(error), error instanceof PortcullisError ? error.remedy : '');
    return warning(
      'store',
      `${reasonOf(error)} Whether it keeps what it holds was not tried.`,
      'Isolated it cannot be reached; run doctor once more while the vault is connected.',
    );
  }
}

const STORE_REMEDIES = {
  s3: 'Use a bucket with Object Lock and set `objectLock: compliance`.',
  directory: 'See docs/safety.md, *A vault that its own user cannot delete*.',
} as const;

async function processes(config: Config): Promise<Finding> {
  try {
    const view = await gateView(config.appliance.runtime);
    return ok('processes', `The gate answers: ${view.link}, latch ${view.latch.kind}.`);
  } catch (error) {
    return warning('processes', reasonOf(error), 'Start it with `portcullis run`.');
  }
}
