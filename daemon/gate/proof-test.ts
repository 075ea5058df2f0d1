import type { Reading, ReportedProof } from '../base/protocol.ts';
import type { Limits } from './config.ts';
import { isolate } from './isolate.ts';
import { fault } from './latch.ts';
import type { Effect, Stage, State } from './state.ts';
import { type Stamp, type Step, still } from './step.ts';

/**
 * What each stage energises, and what the contacts must then say: two, each of its own relay; or one line with both mirror
 * contacts in it, which is *dead* only while both relays are released. The link is dead in all stages.
 */
const STAGES: Readonly<
  Record<Stage, { name: string; contacts: readonly [Reading, Reading]; both: Reading; next: Effect }>
> = {
  first: { name: 'relay 1 alone', contacts: ['alive', 'dead'], both: 'alive', next: { do: 'relay', energised: false } },
  between: { name: 'none', contacts: ['dead', 'dead'], both: 'dead', next: { do: 'relay', energised: true, only: 2 } },
  second: { name: 'relay 2 alone', contacts: ['dead', 'alive'], both: 'alive', next: { do: 'relay', energised: true } },
};

/**
 * The proof test of two relays in series: each made alone must not bring the link to life, and its own contact, where there
 * is one, must follow it. A relay that sticks or never makes shows here, while the other one still isolates.
 */
export function judgeStage(limits: Limits, state: State, at: Stamp, reported: ReportedProof | undefined): Step {
  const { link, readings } = state;
  if (link.kind !== 'proving') return still(state);
  const stage = STAGES[link.stage];
  const passedMs = at.now - link.since;
  const contacts = readings.contacts ?? [];
  const alive = readings.device === 'alive' ? 'device behind the link' : reported;
  const expected = contacts.length === 1 ? [stage.both] : stage.contacts;
  const wrong = contacts.findIndex((reading, index) => reading !== expected[index]);
  if (alive !== undefined || wrong !== -1) {
    if (passedMs < limits.settleMs) return still(state);
    const found =
      alive !== undefined
        ? `the ${alive} is there`
        : `contact ${wrong + 1} is ${readings.contacts?.[wrong] === 'alive' ? 'made' : 'not made'}`;
    if (alive === undefined && contacts[wrong] === 'unknown')
      return isolate(state, at, `Proof test, ${stage.name} energised: contact ${wrong + 1} cannot be read.`);
    return fault(state, at, `Proof test, ${stage.name} energised: yet ${found}.`);
  }
  // Contacts tell at once. Without them it is left to the device, which takes its time to appear.
  if (passedMs < (contacts.length > 0 ? 1 : limits.settleMs)) return still(state);
  const { session, why } = link;
  const since = { since: at.now, sinceWall: at.wall, why, session };
  const told = `${stage.name}: ${contacts.length === 0 ? 'dead' : `contacts right after ${Math.round(passedMs)} ms`}`;
  return still(
    {
      ...state,
      shown: [...(state.shown ?? []), ...(link.stage === 'between' ? [] : [told])],
      link:
        link.stage === 'second'
          ? { kind: 'energised', ...since }
          : { kind: 'proving', ...since, stage: link.stage === 'first' ? 'between' : 'second' },
    },
    stage.next,
  );
}
