/** A snapshot on the way through them. */
export interface At {
  readonly seq: number;
  /** RFC 3339. */
  readonly time: string;
}

/** Something as one snapshot has it. Equal marks mean that it is the same. */
export interface State {
  readonly mark: string;
  /** RFC 3339: since when the origin has not had it any more. */
  readonly gone?: string;
  /** Worth telling, for example the commit a branch is at. */
  readonly detail?: string;
}

/** `vanished`: the snapshot does not have it at all. `gone`: it has it, and says that the origin has deleted it. */
export type What = 'appeared' | 'changed' | 'gone' | 'returned' | 'vanished';

export interface Sighting extends At {
  readonly what: What;
  readonly detail?: string;
}

export interface Track {
  /** The first snapshot that has it, and the last in which its origin had it. */
  readonly first: At;
  readonly last: At;
  /** As the newest snapshot that was looked at has it; undefined where it does not. */
  readonly now: State | undefined;
  /** In the order of time. */
  readonly sightings: readonly Sighting[];
}

/** The history of one thing, one snapshot further. Undefined as long as no snapshot has had it. */
export function step(track: Track | undefined, at: At, now: State | undefined): Track | undefined {
  if (track === undefined) {
    if (now === undefined) return undefined;
    const first: Track = { first: at, last: at, now, sightings: [sighting(at, 'appeared', now)] };
    return now.gone === undefined ? first : { ...first, sightings: [...first.sightings, goneAt(at, now.gone)] };
  }
  const what = change(track.now, now);
  const sightings =
    what === undefined
      ? track.sightings
      : [
          ...track.sightings,
          now?.gone !== undefined && what === 'gone' ? goneAt(at, now.gone) : sighting(at, what, now),
        ];
  const there = now !== undefined && now.gone === undefined;
  return { first: track.first, last: there ? at : track.last, now, sightings };
}

function change(before: State | undefined, now: State | undefined): What | undefined {
  if (now === undefined) return before === undefined ? undefined : 'vanished';
  if (before === undefined) return 'returned';
  if (before.gone === undefined && now.gone !== undefined) return 'gone';
  if (before.gone !== undefined && now.gone === undefined) return 'returned';
  return before.mark === now.mark ? undefined : 'changed';
}

function sighting({ seq, time }: At, what: What, now: State | undefined): Sighting {
  return { seq, time, what, ...(now?.detail === undefined ? {} : { detail: now.detail }) };
}

function goneAt({ seq, time }: At, since: string): Sighting {
  return { seq, time, what: 'gone', detail: `since ${since}` };
}
