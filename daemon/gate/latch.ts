import type { Cause } from '../base/protocol.ts';
import { linkName } from './interlocks.ts';
import { dismissPresence, isolate } from './isolate.ts';
import type { Effect, Latch, LatchContent, ProofTest, Ref, State, Write } from './state.ts';
import { andThen, answer, RELAY_OFF, record, type Stamp, type Step, still } from './step.ts';

/** A latch that could not be written is tried again this often. */
const LATCH_RETRY_MS = 1000;

/** A reset is on its way to the disk: the latch holds until it has arrived. */
export function isBeingCleared(latch: Latch): boolean {
  return latch.kind !== 'clear' && latch.write.kind === 'writing' && latch.write.clears;
}

/** Every door, whatever it is thought to be: a command too many hurts nobody, one that failed is given again. */
function offAll({ wiring }: State): Effect[] {
  return wiring.uplink ? [RELAY_OFF, { do: 'uplink', energised: false }] : [RELAY_OFF];
}

/** Isolates and latches. In any state the relays are commanded off again. */
export function trip(state: State, at: Stamp, cause: Cause, ref?: Ref): Step {
  const told = still(state, ...offAll(state), record('gate.tripped', { ...cause, was: linkName(state.link.kind) }));
  const isolated = andThen(told, (now) => isolate(now, at, `Trip: ${cause.reason}`));
  const dismissed = andThen(isolated, (now) => dismissPresence(now, 'The gate was tripped.'));
  return andThen(dismissed, (now) => latch(now, { kind: 'lockout', cause, wall: at.wall }, ref));
}

/** As `trip`, where commanded and measured state disagree. */
export function fault(state: State, at: Stamp, reason: string): Step {
  // A fault is told once; but one that is just being cleared is latched anew.
  if (state.latch.kind === 'fault' && !isBeingCleared(state.latch))
    return andThen(still(state, ...offAll(state)), (now) => isolate(now, at, `Fault: ${reason}`));
  const told = still(state, ...offAll(state), record('gate.fault', { reason }));
  const failed = andThen(told, (now) => failProofTest(now, at, reason));
  const isolated = andThen(failed, (now) => isolate(now, at, `Fault: ${reason}`));
  const dismissed = andThen(isolated, (now) => dismissPresence(now, `Fault: ${reason}`));
  return andThen(dismissed, (now) => latch(now, { kind: 'fault', cause: { kind: 'gate', reason }, wall: at.wall }));
}

/** A fault in the middle of a proof test is its result. */
function failProofTest(state: State, at: Stamp, reason: string): Step {
  if (state.shown === undefined) return still(state);
  const proofTest: ProofTest = { wall: at.wall, passed: false, detail: reason };
  return still(
    { ...state, shown: undefined, proofTest },
    { do: 'save-budget', budget: state.budget },
    record('gate.proof_test', { ...proofTest }),
  );
}

/**
 * Takes the latch. What is latched already stays: the first cause is the one an operator must understand, and a fault
 * is never softened to a lockout. Only a latch that is being cleared, or a lockout that becomes a fault, is written anew.
 */
function latch(state: State, content: Exclude<LatchContent, { kind: 'clear' }>, ref?: Ref): Step {
  const { latch: old } = state;
  const waits = ref === undefined ? [] : [ref];
  const keeps = old.kind !== 'clear' && !(old.kind === 'lockout' && content.kind === 'fault') && !isBeingCleared(old);
  if (keeps) {
    switch (old.write.kind) {
      case 'durable':
        return still(state, ...waits.map((waiting) => answer(waiting, { type: 'tripped', durable: true })));
      case 'writing':
        return still({
          ...state,
          latch: { ...old, write: { ...old.write, waiting: [...old.write.waiting, ...waits] } },
        });
      case 'failed':
        return writeLatch(state, { kind: old.kind, cause: old.cause, wall: old.wall }, waits);
      default:
        return old.write satisfies never;
    }
  }
  const waiting = old.kind !== 'clear' && old.write.kind === 'writing' ? [...old.write.waiting, ...waits] : waits;
  return writeLatch(state, content, waiting);
}

function writeLatch(state: State, content: Exclude<LatchContent, { kind: 'clear' }>, waiting: readonly Ref[]): Step {
  const write: Write = { kind: 'writing', id: state.nextId, waiting, clears: false };
  return still(
    { ...state, latch: { ...content, write }, nextId: state.nextId + 1 },
    { do: 'write-latch', id: state.nextId, latch: content },
  );
}

export function latchWritten(state: State, at: Stamp, id: number, ok: boolean): Step {
  const { latch: old } = state;
  if (old.kind === 'clear' || old.write.kind !== 'writing' || old.write.id !== id) return still(state);
  const { waiting, clears } = old.write;
  const answers = waiting.map((ref) => answer(ref, { type: 'tripped', durable: ok }));
  if (!ok) {
    const failed: Write = { kind: 'failed', retryAt: at.now + LATCH_RETRY_MS };
    return still(
      { ...state, latch: { ...old, write: failed } },
      ...answers,
      record('gate.latch_unwritable', { clears }),
    );
  }
  if (!clears) return still({ ...state, latch: { ...old, write: { kind: 'durable' } } }, ...answers);
  const cleared = still(
    { ...state, latch: { kind: 'clear' }, offSince: at.now },
    ...answers,
    record('gate.reset', { was: old.kind, cause: old.cause.reason }),
  );
  return andThen(cleared, (now) => dismissPresence(now, 'The latch has been reset.'));
}

export function retryLatch(state: State, at: Stamp): Step {
  const { latch: old } = state;
  if (old.kind === 'clear' || old.write.kind !== 'failed' || old.write.retryAt > at.now) return still(state);
  return writeLatch(state, { kind: old.kind, cause: old.cause, wall: old.wall }, []);
}

/**
 * Begins to clear the latch: it is gone only when its absence is durable. Ends in isolated, never in connected.
 * A latch still on its way to the disk is not cleared: a trip that waits for its answer must not be told of a lock that
 * is gone. It takes milliseconds; the person presses again.
 */
export function reset(state: State): Step {
  const { latch: old } = state;
  if (old.kind === 'clear' || old.write.kind === 'writing') return still(state);
  const write: Write = { kind: 'writing', id: state.nextId, waiting: [], clears: true };
  return andThen(dismissPresence(state, 'The latch is being reset.'), (now) =>
    still({ ...now, latch: { ...old, write }, nextId: now.nextId + 1 }, RELAY_OFF, {
      do: 'write-latch',
      id: now.nextId,
      latch: { kind: 'clear' },
    }),
  );
}
