import type { Limits } from './config.ts';
import { energise, NOT_PROVEN_DEAD } from './connection.ts';
import { isProvenDead } from './interlocks.ts';
import { isolate } from './isolate.ts';
import { fault } from './latch.ts';
import { judgeStage } from './proof-test.ts';
import type { ProofTest, State } from './state.ts';
import { andThen, answer, record, type Stamp, type Step, still } from './step.ts';

/** The coils' supply vanishes in the button a moment before the press is seen, which then trips. */
const SUPPLY_MS = 200;

/** Compares what was commanded with what is measured, and moves the measured state along. */
export function judgeProofs(limits: Limits, state: State, at: Stamp): Step {
  const { link, readings } = state;
  const agreed: State = state.disagreeSince === undefined ? state : { ...state, disagreeSince: undefined };
  const disagreeing = (limitMs: number, over: () => Step): Step => {
    const since = state.disagreeSince ?? at.now;
    return at.now - since >= limitMs ? over() : still({ ...state, disagreeSince: since });
  };
  const reported = (what: 'alive' | 'dead') =>
    state.wiring.reported.find((name) => state.report?.proofs[name] === what);
  switch (link.kind) {
    case 'charging':
      if (!isProvenDead(agreed, at.now)) return isolate(agreed, at, NOT_PROVEN_DEAD);
      // Where it was alive, that has become a fault by now.
      return link.paid && agreed.uplink.kind === 'isolating' && at.now - link.since >= 2 * limits.settleMs
        ? isolate(agreed, at, 'The uplink could not be proven dead: both doors are never connected at once.')
        : energise(agreed, at);
    case 'proving':
      return judgeStage(limits, agreed, at, reported('alive'));
    case 'energised': {
      if (readings.supply === 'dead') return disagreeing(SUPPLY_MS, () => isolate(state, at, NO_SUPPLY));
      if (readings.contact === 'dead')
        return disagreeing(limits.settleMs, () =>
          fault(state, at, 'The relay is commanded on, but its contact does not make.'),
        );
      const missing = state.wiring.reported.find((name) => state.report?.proofs[name] !== 'alive');
      if (readings.device === 'dead' || noProofSays('alive', state) || missing !== undefined) {
        const what = readings.device === 'dead' || missing === undefined ? 'device behind the link' : missing;
        return at.now - link.since >= limits.deviceTimeoutMs
          ? isolate(agreed, at, `The relay is on, but the ${what} did not appear.`)
          : still(agreed);
      }
      const { session, why } = link;
      const shown = state.shown && [...state.shown, `all made: alive after ${Math.round(at.now - link.since)} ms`];
      return still(
        { ...agreed, link: { kind: 'connected', since: at.now, sinceWall: at.wall, why, session }, shown },
        answer(session.ref, { type: 'connected', deadline: session.deadline }),
        record('gate.connected', { purpose: session.purpose, permit: session.permit, afterMs: at.now - link.since }),
      );
    }
    case 'connected': {
      if (readings.supply === 'dead') return disagreeing(SUPPLY_MS, () => isolate(state, at, NO_SUPPLY));
      if (readings.contact === 'dead')
        return disagreeing(limits.settleMs, () =>
          fault(state, at, 'The contact broke while the relay was commanded on.'),
        );
      if (readings.device === 'dead' || noProofSays('alive', state))
        return disagreeing(limits.settleMs, () =>
          isolate(state, at, 'The device behind the link vanished while connected.'),
        );
      const gone = reported('dead');
      if (gone !== undefined)
        return disagreeing(limits.settleMs, () => isolate(state, at, `The ${gone} was lost while connected.`));
      return still(agreed);
    }
    case 'isolating': {
      if (readings.contact === 'alive')
        return disagreeing(limits.settleMs, () =>
          fault(state, at, 'The relay is off, but its contact has not broken: it may be welded.'),
        );
      const stays = readings.device === 'alive' ? 'device behind the link' : reported('alive');
      if (stays !== undefined)
        return disagreeing(limits.deviceTimeoutMs, () =>
          fault(state, at, `The relay is off, but the ${stays} is still there.`),
        );
      if (noProofSays('dead', state)) return still(agreed);
      const afterMs = at.now - link.since;
      return andThen(
        still(
          { ...agreed, link: { kind: 'isolated', since: at.now, sinceWall: at.wall, why: link.why }, offSince: at.now },
          record('gate.isolated', { why: link.why, afterMs }),
        ),
        (now) => completeProofTest(now, at, afterMs),
      );
    }
    case 'isolated': {
      const local = readings.contact === 'alive' || readings.device === 'alive';
      const stays = local ? 'a proof' : reported('alive');
      if (stays === undefined) return still(agreed);
      return disagreeing(local ? limits.settleMs : limits.deviceTimeoutMs, () =>
        andThen(
          fault(state, at, `The relay is off, yet ${local ? stays : `the ${stays}`} says the link is alive.`),
          (faulty) =>
            // Say what is measured: this is not isolated.
            still({
              ...faulty,
              link: { kind: 'isolating', since: at.now, sinceWall: at.wall, why: 'A proof says the link is alive.' },
            }),
        ),
      );
    }
    default:
      return link satisfies never;
  }
}

const NO_SUPPLY = 'The coils have no supply: the button is down, its closed pole is open, or the supply has failed.';

function noProofSays(what: 'alive' | 'dead', { readings }: State): boolean {
  return readings.contact !== what && readings.device !== what;
}

/** Isolated again, measured: that was the last thing to show. */
function completeProofTest(state: State, at: Stamp, afterMs: number): Step {
  if (state.shown === undefined) return still(state);
  const detail = [...state.shown, `isolated after ${Math.round(afterMs)} ms`].join('; ').slice(0, 500);
  const proofTest: ProofTest = { wall: at.wall, passed: true, detail };
  return still(
    { ...state, shown: undefined, proofTest },
    { do: 'save-budget', budget: state.budget },
    record('gate.proof_test', { ...proofTest }),
  );
}
