/**
 * The button: raw edges in, what a person did out. Pure; time is monotonic milliseconds.
 *
 * A press is told on its first edge, because it may be a trip. Everything else waits until the contact is quiet: a
 * release counts once the level has stayed released for BOUNCE_MS, so bounce and chatter never end a press.
 */

/** Contacts bounce for a few milliseconds; a person cannot release and press again within this. */
export const BOUNCE_MS = 30;
/** A spike on the line is over long before this; no press of a person is. */
export const FIRM_MS = 100;
/** Looks in between: after a standstill of the process time has passed at once, and the end of a spike is still to be heard. */
const FIRM_LOOKS = 3;
/** Nobody holds a button this long: it is stuck, or something leans on it. */
export const STUCK_MS = 60_000;
/** A button that was down at start, or stuck, must be up this long before a press means anything. */
export const REARM_MS = 500;

export type Button =
  /** No level is known yet. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'released' }
  /**
   * `upSince`: the level is released, for too short a time yet to count. `downSince` and `looks`: since when it has been
   * down without a break, and how often that was looked at; `firm`: it has been told.
   */
  | {
      readonly kind: 'pressed';
      readonly since: number;
      readonly downSince: number;
      readonly looks: number;
      readonly firm: boolean;
      readonly upSince?: number;
    }
  /** Down at start, or stuck: it means nothing until it has been up for a while. */
  | { readonly kind: 'ignored'; readonly since: number; readonly upSince?: number; readonly stuck: boolean };

export type ButtonEvent =
  | { readonly type: 'press' }
  /** The press has been down for FIRM_MS without a break: it is a person's, and may mean what a spike must not. */
  | { readonly type: 'firm' }
  /** `heldMs`: from the first edge of the press to the last edge of the release. */
  | { readonly type: 'release'; readonly heldMs: number }
  /** Down for STUCK_MS. Told once; what follows is `freed`, never `release`. */
  | { readonly type: 'stuck' }
  /** No longer stuck. */
  | { readonly type: 'freed' };

/** What the line does: a level (edges repeat freely), or nothing but time passing. The first level is the one at start. */
export interface ButtonInput {
  readonly at: number;
  readonly pressed?: boolean;
}

export interface ButtonStep {
  readonly button: Button;
  readonly events: readonly ButtonEvent[];
}

export const UNKNOWN_BUTTON: Button = { kind: 'unknown' };

/** Call it on every edge, and without a level every 50 ms or so. Pure and total. */
export function decodeButton(button: Button, { at, pressed }: ButtonInput): ButtonStep {
  const step = pass(button, at);
  const next = pressed === undefined ? look(step.button, at) : move(step.button, at, pressed);
  return { button: next.button, events: [...step.events, ...next.events] };
}

/** What time alone brings about. */
function pass(button: Button, at: number): ButtonStep {
  if (button.kind === 'unknown' || button.kind === 'released') return { button, events: [] };
  const { since, upSince } = button;
  const stuck = button.kind === 'ignored' && button.stuck;
  if (!stuck && (upSince ?? at) - since >= STUCK_MS) {
    const ignored: Button = { kind: 'ignored', since, stuck: true, ...(upSince === undefined ? {} : { upSince }) };
    return { button: ignored, events: [{ type: 'stuck' }, ...pass(ignored, at).events] };
  }
  if (upSince === undefined || at - upSince < (button.kind === 'pressed' ? BOUNCE_MS : REARM_MS))
    return { button, events: [] };
  const released: Button = { kind: 'released' };
  if (button.kind === 'pressed') return { button: released, events: [{ type: 'release', heldMs: upSince - since }] };
  return { button: released, events: stuck ? [{ type: 'freed' }] : [] };
}

/** A look without an edge: the press may have become firm. */
function look(button: Button, at: number): ButtonStep {
  if (button.kind !== 'pressed' || button.firm || button.upSince !== undefined) return { button, events: [] };
  const looks = button.looks + 1;
  const firm = looks >= FIRM_LOOKS && at - button.downSince >= FIRM_MS;
  return { button: { ...button, looks, firm }, events: firm ? [{ type: 'firm' }] : [] };
}

function move(button: Button, at: number, pressed: boolean): ButtonStep {
  const still = (next: Button): ButtonStep => ({ button: next, events: [] });
  switch (button.kind) {
    case 'unknown':
      return still(pressed ? { kind: 'ignored', since: at, stuck: false } : { kind: 'released' });
    case 'released':
      return pressed
        ? {
            button: { kind: 'pressed', since: at, downSince: at, looks: 0, firm: false },
            events: [{ type: 'press' }],
          }
        : still(button);
    case 'pressed': {
      const { upSince, ...down } = button;
      if (!pressed) return still({ ...down, upSince: upSince ?? at });
      return still(upSince === undefined ? down : { ...down, downSince: at, looks: 0 });
    }
    case 'ignored': {
      const { upSince = at, ...down } = button;
      return still(pressed ? down : { ...down, upSince });
    }
    default:
      return button satisfies never;
  }
}
