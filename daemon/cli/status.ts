import { isoTime } from '../base/clock.ts';
import type { GateView } from '../base/protocol.ts';
import type { KeeperStatus, SourceStatus } from '../keeper/ports.ts';
import type { Command } from './command.ts';
import { askKeeper, gateView } from './sockets.ts';
import { ago, amount, heartbeatWords } from './words.ts';

export const statusCommand: Command = {
  name: 'status',
  about: 'Show whether the vault is isolated, why, what is missing, and the state of each source.',
  positionals: [],
  options: {},
  examples: ['portcullis status', 'portcullis status --json | jq .gate.view.link'],
  async run(args, context) {
    const { appliance } = await context.loadConfig(args.configPath);
    const gate = await gateView(appliance.runtime);
    const keeper = (await askKeeper(appliance.runtime, { type: 'status', id: 1 }).catch(() => undefined)) as
      | KeeperStatus
      | undefined;
    if (args.json) context.out(`${JSON.stringify({ gate, keeper: keeper ?? null })}\n`);
    else context.out(statusText(gate, keeper, context.clock.wall()));
    return 0;
  },
};

const HEADLINES: Record<GateView['link'], string> = {
  isolated: 'ISOLATED',
  connecting: 'CONNECTING',
  connected: 'CONNECTED',
  isolating: 'ISOLATING, not proven yet',
};

const UPLINKS: Record<NonNullable<GateView['uplink']>, string> = {
  isolated: 'isolated',
  connected: 'connected',
  isolating: 'isolating, not proven yet',
};
const SUPPLIES = { alive: 'there', dead: 'gone: the button is down, or its circuit broken', unknown: 'cannot tell' };

/** What a person reads. `keeper` is undefined while it does not answer, and `wall` is now. */
export function statusText(gate: GateView, keeper: KeeperStatus | undefined, wall: number): string {
  const lines = [
    `${HEADLINES[gate.link]} since ${isoTime(gate.sinceWall)} (${ago(wall - gate.sinceWall)}): ${gate.why}`,
  ];
  if (gate.latch.kind !== 'clear') {
    const durable = gate.latch.durable ? '' : ' (in memory only: the latch cannot be written)';
    lines.push(
      `${gate.latch.kind.toUpperCase()} since ${isoTime(gate.latch.wall)}${durable}: ${gate.latch.cause.reason}`,
    );
  }
  lines.push(...measuredLines(gate, keeper?.proofs ?? {}), `LED: ${gate.led}.`, proofTestLine(gate, wall));
  if (gate.presence.kind === 'pending')
    lines.push(`Waiting for the button: ${gate.presence.verb}, ${gate.presence.reason}`);
  if (gate.waiting !== undefined) {
    lines.push('', 'Applied, but not in force until somebody runs `portcullis config apply` and presses the button:');
    for (const reason of gate.waiting) lines.push(`  - ${reason}`);
  }
  const lost = gate.interlocks.filter((interlock) => !interlock.ok);
  if (lost.length > 0) lines.push('', 'Missing for a connection:');
  for (const { name, reason, remedy } of lost) lines.push(`  ${name.padEnd(9)} ${reason} ${remedy}`);
  if (keeper === undefined)
    return `${[...lines, '', 'The keeper does not answer: no schedule, no backups.'].join('\n')}\n`;
  if (keeper.attention.length > 0) lines.push('', 'Wants attention:');
  for (const text of keeper.attention) lines.push(`  ${text}`);
  lines.push('', keeper.activity);
  if (keeper.nextWindow !== undefined) {
    lines.push(
      `Next window: ${keeper.nextWindow.name} at ${isoTime(keeper.nextWindow.startWall)} (in ${ago(keeper.nextWindow.startWall - wall)})`,
    );
  }
  if (keeper.workingCopies !== undefined) lines.push(workingCopiesLine(keeper.workingCopies));
  lines.push('', 'Sources:');
  for (const { name, state, progress, lastSnapshot, lastFailure } of keeper.sources) {
    const last =
      lastSnapshot === undefined
        ? 'no snapshot yet'
        : `snapshot ${lastSnapshot.seq}, ${isoTime(lastSnapshot.wall)} (${ago(wall - lastSnapshot.wall)}), ${amount(lastSnapshot.bytes)}${lastSnapshot.partial ? ', partial' : ''}${lastSnapshot.readBack === 'cached' ? ', read back from memory only (cached)' : ''}`;
    lines.push(`  ${name.padEnd(20)} ${state.padEnd(8)} ${last}`);
    if (progress !== undefined) lines.push(`  ${''.padEnd(29)} ${progressLine(progress)}`);
    if (lastFailure !== undefined)
      lines.push(`  ${''.padEnd(20)} FAILED   ${isoTime(lastFailure.wall)}: ${lastFailure.what}`);
  }
  if (keeper.alertSources.length > 0) lines.push('', 'Alert sources:');
  for (const { name, heartbeat, lastHeardWall, state, blocks } of keeper.alertSources) {
    const heard =
      lastHeardWall === undefined
        ? 'never heard'
        : `last heard ${isoTime(lastHeardWall)} (${ago(wall - lastHeardWall)} ago)`;
    const says =
      state === 'silent'
        ? blocks
          ? 'SILENT, blocks'
          : 'SILENT'
        : state === 'degraded'
          ? 'SILENT, blocks no more'
          : state;
    lines.push(`  ${name.padEnd(20)} ${says.padEnd(9)} ${heard}; ${heartbeatWords(heartbeat)}`);
  }
  return `${lines.join('\n')}\n`;
}

function progressLine({ what, files, bytes, total, pace }: NonNullable<SourceStatus['progress']>): string {
  if (what !== undefined) return what;
  if (total === undefined) return `${files} files, ${amount(bytes)} so far`;
  const rate = pace === undefined ? '' : `, ${amount(pace.bytesPerSecond)}/s, ${ago(pace.leftMs)} left`;
  return `${amount(bytes)} of ${amount(total)}${rate}`;
}

function workingCopiesLine({ path, atRest, detail }: NonNullable<KeeperStatus['workingCopies']>): string {
  const words = {
    encrypted: 'encrypted at rest',
    plaintext: 'plaintext at rest',
    unknown: 'perhaps plaintext at rest',
  };
  return `Working copies: ${words[atRest]} in ${path} (${detail}).`;
}

function measuredLines({ readings, uplink }: GateView, proofs: KeeperStatus['proofs']): string[] {
  const { contact, device, contacts = [], supply } = readings;
  const each = contacts.length < 2 ? '' : ` (${contacts.map((one, n) => `relay ${n + 1} ${one}`).join(', ')})`;
  const reported = Object.entries(proofs).map(([name, reading]) => `, ${name} ${reading}`);
  return [
    `Measured: contact ${contact}${each}, device ${device}${reported.join('')}.`,
    ...(uplink === undefined ? [] : [`Uplink: ${UPLINKS[uplink]}; measured ${readings.uplink ?? 'unknown'}.`]),
    ...(supply === undefined ? [] : [`Coil supply: ${SUPPLIES[supply]}.`]),
  ];
}

function proofTestLine({ proofTest }: GateView, wall: number): string {
  if (proofTest === undefined) return 'Proof test: never; the next connection begins with it.';
  const { passed, wall: at, detail } = proofTest;
  return `Proof test: ${passed ? 'passed' : 'FAILED'} ${isoTime(at)} (${ago(wall - at)} ago). ${detail}`.trimEnd();
}
