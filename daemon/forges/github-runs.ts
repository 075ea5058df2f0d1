import { isoTime, parseTime } from '../base/clock.ts';
import { textOf } from './documents.ts';
import type { Document, Page } from './forge.ts';
import { type GithubApi, PER_PAGE } from './github-api.ts';

/** Runs older than this do not change any more: GitHub ends a workflow run after 35 days, and gives it 30 to wait. */
const SETTLE_DAYS = 65;

/** How far runs have been read: they are listed from the newest back. Times are RFC 3339. */
interface Progress {
  /** Everything before has been read and is settled. */
  readonly settled?: string;
  /** The newest there was when this began. */
  readonly newest?: string;
  /** From the newest down to here has been read. */
  readonly until?: string;
}

/** Workflow runs with their jobs (which is what is known of their logs), from the newest back to what was settled before. */
export async function* runs(api: GithubApi, base: string, cursor: string | undefined): AsyncGenerator<Page> {
  const { settled, ...begun } = progressIn(cursor);
  let { newest, until } = begun;
  for (let more = true; more; ) {
    const from = until;
    const created = from === undefined ? {} : { created: `<=${from}` };
    more = false;
    const query = { ...created, per_page: PER_PAGE };
    for await (const page of api.pages(`${base}/actions/runs`, query, 'workflow_runs')) {
      const fresh = settled === undefined ? page : page.filter((run) => textOf(run, 'created_at') >= settled);
      const documents: Document[] = [];
      for (const run of fresh) {
        const id = textOf(run, 'id');
        const jobs = await api.all(`${base}/actions/runs/${id}/jobs`, { filter: 'all', per_page: PER_PAGE }, 'jobs');
        documents.push({ key: id, object: { run, jobs } });
      }
      const [first] = page;
      const last = page.at(-1);
      if (first !== undefined) newest ??= textOf(first, 'created_at');
      if (last !== undefined) until = textOf(last, 'created_at');
      yield newest === undefined ? { documents } : { documents, cursor: cursorOf({ settled, newest, until }) };
      more = fresh.length === page.length;
      if (!more) break;
    }
    // Of a search GitHub gives the first thousand; the next one goes on where that ended.
    more &&= from !== undefined && until !== from;
  }
  if (newest !== undefined) yield { documents: [], cursor: daysBefore(newest, SETTLE_DAYS) };
}

/** `SETTLED`, or, while it is under way, `SETTLED NEWEST UNTIL`, where `-` stands for none. */
function cursorOf({
  settled = '-',
  newest = '-',
  until = '-',
}: { [name in keyof Progress]: string | undefined }): string {
  return `${settled} ${newest} ${until}`;
}

function progressIn(cursor: string | undefined): Progress {
  const [settled, newest, until] = (cursor ?? '')
    .split(' ')
    .map((time) => (time === '-' || time === '' ? undefined : time));
  return {
    ...(settled === undefined ? {} : { settled }),
    ...(newest === undefined ? {} : { newest }),
    ...(until === undefined ? {} : { until }),
  };
}

/** `time` is RFC 3339; so is what comes of it. */
function daysBefore(time: string, days: number): string {
  const wall = parseTime(time);
  return wall === undefined ? time : isoTime(wall - days * 86_400_000);
}
