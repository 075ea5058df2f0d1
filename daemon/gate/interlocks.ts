import type { Interlock, ReportedProof } from '../base/protocol.ts';
import { budgetUsed } from './budget.ts';
import type { Limits } from './config.ts';
import type { State } from './state.ts';

/** Readings older than this prove nothing. */
const STALE_MS = 1000;

const ok = (name: string, reason: string): Interlock => ({ name, ok: true, reason, remedy: '' });

/** What does not hold. A reason that quotes another is cut to what the protocol carries: a longer one cuts off its reader. */
export const lost = (name: string, reason: string, remedy: string): Interlock => ({
  name,
  ok: false,
  reason: reason.slice(0, 500),
  remedy,
});

/** At least one of the gate's own proofs says dead, none says otherwise, reported ones included, and it is fresh. */
export function isProvenDead(state: State, now: number): boolean {
  const { contact, device, at } = state.readings;
  const own = [contact, device];
  return (
    now - at < STALE_MS &&
    state.link.kind !== 'isolating' &&
    own.includes('dead') &&
    !own.includes('alive') &&
    reportedAlive(state) === undefined
  );
}

/** A proof of the keeper's that says the link is alive. */
export function reportedAlive({ wiring, report }: State): ReportedProof | undefined {
  return wiring.reported.find((name) => report?.proofs[name] === 'alive');
}

/** How much of a connection the windows, presence, budget and caps permit from now on, in ms. */
export function permittedMs(limits: Limits, state: State, now: number, wall: number): number {
  const used = budgetUsed(state.budget, now);
  const permit =
    state.presence.kind === 'approved'
      ? state.presence.seconds * 1000
      : Math.max(0, (state.calendar.window?.endsWall ?? 0) - wall);
  return Math.min(limits.maxConnectionMs, permit, Math.max(0, limits.maxConnectedMs - used.ms));
}

/** Conditions that must hold before a connection and all through it. */
export function standingInterlocks(state: State, now: number, permit: 'window' | 'presence'): Interlock[] {
  const { latch, calendar, report, rules, wiring } = state;
  return [
    latch.kind === 'clear'
      ? ok('latch', 'No trip is latched.')
      : lost(
          'latch',
          `${latch.kind === 'fault' ? 'Fault' : 'Lockout'}: ${latch.cause.reason}`,
          latch.write.kind === 'writing' && latch.write.clears
            ? 'The reset is being written.'
            : 'Find out why, then hold the button for 5 s and release it, or run `portcullis reset` and press it.',
        ),
    state.intakeUntil > now
      ? ok('intake', 'Alerts can arrive.')
      : lost('intake', 'The intake process does not answer: a trip could not arrive.', 'Look at the log of intake.'),
    report === undefined
      ? lost('keeper', 'The keeper does not answer.', 'Look at the log of the keeper.')
      : ok('keeper', 'The keeper answers.'),
    permit === 'presence'
      ? ok('clock', 'Not needed: a person stands at the box.')
      : !calendar.clockSane
        ? lost('clock', 'The clock is earlier than a time this gate has already seen.', 'Synchronise the clock.')
        : report !== undefined && !report.clockTrusted
          ? lost('clock', 'The clock is not synchronised.', 'Check the network time service, or set `appliance.clock`.')
          : ok('clock', 'The clock is trusted.'),
    permit === 'presence'
      ? ok('window', 'A person at the box permitted this connection.')
      : calendar.window !== undefined
        ? ok('window', `Inside window ${calendar.window.name}.`)
        : lost(
            'window',
            'No window contains now.',
            'Wait for the next window, or run `portcullis connect` and press the button.',
          ),
    state.buttonStuck
      ? lost(
          'button',
          'The button has been down for over a minute: nobody could press it.',
          'Free or replace the button.',
        )
      : state.pole === 'fails'
        ? lost(
            'button',
            'When the button was last pressed, its closed pole did not take the supply from the coils.',
            'Check the wiring of the normally-closed pole, then press the button for a second.',
          )
        : ok('button', state.pole === 'opens' ? 'The button works.' : 'The button works as far as seen.'),
    ...(rules.kind === 'waiting' && rules.blocks
      ? [
          lost(
            'rules',
            `Nobody at the box has confirmed these rules: ${rules.reasons.join(' ')}`,
            'Run `portcullis config apply` and press the button.',
          ),
        ]
      : []),
    ...wiring.reported.map((name) =>
      report?.proofs[name] === undefined
        ? lost(name, `The keeper does not report the ${name}.`, 'Look at the log of the keeper.')
        : ok(name, `The ${name} says ${report.proofs[name]}.`),
    ),
    ...(state.stopping ? [lost('gate', 'The gate is stopping.', 'Start it again.')] : []),
    ...(report?.blocks ?? []).filter((block) => !block.ok),
  ];
}

/** Conditions for starting a connection: the standing ones, and what must have happened before. */
export function startInterlocks(limits: Limits, state: State, now: number): Interlock[] {
  const { link, readings, uplink } = state;
  const used = budgetUsed(state.budget, now);
  const resting = now - state.offSince;
  return [
    ...standingInterlocks(state, now, state.presence.kind === 'approved' ? 'presence' : 'window'),
    link.kind !== 'isolated'
      ? lost('proofs', `The link is not isolated but ${linkName(link.kind)}.`, 'Wait until it is isolated.')
      : readings.contact === 'alive' || readings.device === 'alive' || reportedAlive(state) !== undefined
        ? lost(
            'proofs',
            'The relay is off, yet a proof says the link is alive.',
            'Check the relay and what bypasses it.',
          )
        : isProvenDead(state, now)
          ? ok('proofs', 'The link is proven dead.')
          : lost(
              'proofs',
              'No fresh proof says that the link is dead.',
              'Check the contact and the board that reads it.',
            ),
    ...(uplink.kind === 'none'
      ? []
      : [
          uplink.kind === 'isolating'
            ? lost('uplink', 'The uplink is not proven dead.', 'Wait; if it stays so, check its relay and contact.')
            : ok('uplink', 'The uplink is dead, or will be before the vault is connected.'),
        ]),
    ...(state.wiring.supply
      ? [
          readings.supply === 'alive'
            ? ok('coil-supply', 'The coils have their supply.')
            : lost(
                'coil-supply',
                'The coils have no supply: the button is down, its closed pole is open, or the supply has failed.',
                'Release the button; check the supply.',
              ),
        ]
      : []),
    resting >= limits.minOffMs
      ? ok('off-time', 'The link has been off long enough.')
      : lost(
          'off-time',
          `The link must stay off for ${Math.ceil((limits.minOffMs - resting) / 1000)} s more.`,
          'Wait, or lower `gate.minOff`.',
        ),
    used.connections < limits.maxConnections && used.ms < limits.maxConnectedMs
      ? ok('budget', 'Connections and connected time are within the caps.')
      : lost(
          'budget',
          `The last 24 h of uptime hold ${used.connections} of ${limits.maxConnections} connections and ${Math.min(
            Math.ceil(used.ms / 1000),
            86_400_000,
          )} of ${limits.maxConnectedMs / 1000} connected seconds.`,
          'Wait for the budget to age, or raise `gate.maxConnections` or `gate.maxConnected`.',
        ),
  ];
}

/** The design's four names: charging, proving and energised are the parts of connecting. */
export function linkName(kind: State['link']['kind']): 'isolated' | 'connecting' | 'connected' | 'isolating' {
  return kind === 'charging' || kind === 'proving' || kind === 'energised' ? 'connecting' : kind;
}
