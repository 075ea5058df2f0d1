/**
 * Measures sealing, shipping and restoring against restic and borgbackup, interleaved, on corpora it makes: `npm run bench:vault`. Writes the table
 * and the chart of docs/benchmarks.md.
 *
 *   --rounds N      runs of each, of which the median counts (default 3)
 *   --corpus NAME   mixed, big or tiny; may be given several times (default all)
 *   --share X       so much of each corpus, from 0 to 1, to try the benchmark itself (default 1)
 *   --print         say the table, and leave the document as it is
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chart } from './bench/chart.ts';
import { big, change, mixed, tiny } from './bench/corpus.ts';
import { ddWrite, ddWriteAndRead } from './bench/disk.ts';
import { median, table } from './bench/figures.ts';
import { Appliance, restoreByReader } from './bench/portcullis.ts';
import type { Run } from './bench/run.ts';
import { BORG, bytesIn, RESTIC, type Tool } from './bench/tools.ts';

const CORPORA = {
  mixed: { about: '20,000 files, 1 GB, half of it text', make: mixed },
  big: { about: 'one incompressible file of 1 GiB', make: big },
  tiny: { about: '200,000 files of up to 600 bytes', make: tiny },
} as const;
type Corpus = keyof typeof CORPORA;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    corpus: { type: 'string', multiple: true, default: Object.keys(CORPORA) },
    share: { type: 'string', default: '1' },
    print: { type: 'boolean', default: false },
  },
});
const LEAST_MEMORY = 128 << 20;
const rounds = Number(values.rounds);
const say = (text: string) => process.stderr.write(`${text}\n`);

/** Every figure that was taken, by corpus, then by what was done, then by who did it. */
const figures: Record<string, Record<string, Record<string, number[]>>> = {};
function note(corpus: string, what: string, who: string, figure: number): void {
  const rows = figures[corpus] ?? {};
  const row = rows[what] ?? {};
  figures[corpus] = { ...rows, [what]: { ...row, [who]: [...(row[who] ?? []), figure] } };
}

/** CPU time too: other work on the machine moves it less. */
function noteRun(corpus: string, what: string, who: string, { seconds, cpuSeconds, peakMiB }: Run): void {
  note(corpus, what, who, seconds);
  note(corpus, `${what}, CPU time`, who, cpuSeconds);
  if (what === 'initial' || what === 'restore') note(corpus, `${what}, peak memory (MiB)`, who, peakMiB);
}

/** Restores go to memory: a disk would measure itself. */
const memory = mkdtempSync('/dev/shm/portcullis-bench-');
const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));

async function measureTool(
  tool: Tool,
  corpus: Corpus,
  source: string,
  round: number,
): Promise<(() => Promise<void>)[]> {
  const repository = join(folder, tool.name);
  rmSync(repository, { recursive: true, force: true });
  await tool.init(repository);
  const noted = async (what: string, act: () => Promise<Run>) => noteRun(corpus, what, tool.name, await act());
  return [
    () => noted('initial', () => tool.backup(repository, source, `first-${round}`)),
    () => noted('no change', () => tool.backup(repository, source, `second-${round}`)),
    () => noted('1 % changed', () => tool.backup(repository, source, `third-${round}`)),
    async () => {
      const to = join(memory, tool.name);
      mkdirSync(to);
      await noted('restore', () => tool.restore(repository, to, `third-${round}`));
      rmSync(to, { recursive: true });
      note(corpus, 'repository (MiB)', tool.name, bytesIn(repository) / 2 ** 20);
      rmSync(repository, { recursive: true });
    },
  ];
}

async function measureAppliance(
  name: string,
  maxMemory: number,
  corpus: Corpus,
  source: string,
): Promise<(() => Promise<void>)[]> {
  const appliance = new Appliance(join(folder, name), maxMemory);
  await appliance.init();
  const sealAndShip = async (what: string) => {
    const sealed = await appliance.seal(source);
    noteRun(corpus, what, name, sealed);
    const bytes = bytesIn(appliance.staging);
    const shipped = await appliance.ship();
    note(corpus, `${what}, sealed and shipped`, name, sealed.seconds + shipped.seconds);
    if (what !== 'initial') return;
    note(corpus, 'shipping (MB/s)', name, bytes / 1e6 / shipped.seconds);
    note(corpus, 'shipping, peak memory (MiB)', name, shipped.peakMiB);
  };
  return [
    () => sealAndShip('initial'),
    () => sealAndShip('no change'),
    () => sealAndShip('1 % changed'),
    async () => {
      const to = join(memory, name);
      noteRun(corpus, 'restore', name, await appliance.restore(to));
      rmSync(to, { recursive: true });
      if (maxMemory > LEAST_MEMORY) {
        const read = await restoreByReader(appliance.vault, appliance.key, 3, to, source);
        note(corpus, 'restore by the reader in Python', name, read.seconds);
        rmSync(to, { recursive: true });
      }
      note(corpus, 'repository (MiB)', name, bytesIn(appliance.vault) / 2 ** 20);
      rmSync(join(folder, name), { recursive: true });
    },
  ];
}

try {
  for (const name of values.corpus as Corpus[]) {
    const source = join(folder, 'corpus', name);
    say(`${name}: making it ...`);
    mkdirSync(source, { recursive: true });
    CORPORA[name].make(source, Number(values.share));
    for (let round = 1; round <= rounds; round++) {
      const contestants = [
        await measureAppliance('portcullis', 200 << 20, name, source),
        await measureTool(RESTIC, name, source, round),
        await measureAppliance('portcullis 128M', LEAST_MEMORY, name, source),
        await measureTool(BORG, name, source, round),
      ];
      for (const step of [0, 1, 2, 3]) {
        if (step === 2) change(source, round);
        say(`${name}, round ${round} of ${rounds}: ${['initial', 'no change', '1 % changed', 'restore'][step]} ...`);
        // Interleaved: what else the machine does meets all of them.
        for (const steps of contestants) await steps[step]?.();
      }
      note(name, 'shipping (MB/s)', 'dd conv=fsync', await ddWrite(folder));
      note(name, 'shipping (MB/s)', 'dd conv=fsync, then dd iflag=direct', await ddWriteAndRead(folder));
    }
    rmSync(source, { recursive: true });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
  rmSync(memory, { recursive: true, force: true });
}

const text = `# Benchmarks

Written by \`npm run bench:vault\`. ${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'}), ${(totalmem() / 2 ** 30).toFixed(0)} GiB of memory, Node ${process.versions.node},
${RESTIC.version()}, ${BORG.version()} (zstd 3). Medians of ${rounds} interleaved rounds; seconds unless said otherwise; corpora in the page
cache, restores to memory. *portcullis* is the seal job, which works while the vault is isolated; *sealed and shipped* adds the ship job, which reads
every byte back. Goals are those of the project: initial 1.5 × restic's throughput, no change 3 × faster, 1 % changed and restore
no slower than the faster of the two, size within 5 % of restic's, 200 and 120 MiB at the peak, shipping 80 % of \`dd\`.

${Object.entries(figures)
  .map(([corpus, rows]) => `## ${corpus}: ${CORPORA[corpus as Corpus].about}\n\n${table(rows)}`)
  .join('\n')}
![The same as a chart: time relative to restic](benchmarks.svg)
`;
if (values.print) process.stdout.write(text);
else {
  const docs = new URL('../docs/', import.meta.url);
  const path = new URL('benchmarks.md', docs);
  // What was said by hand stands after the last line that is written here.
  const [, said = ''] = readFileSync(path, { encoding: 'utf8', flag: 'a+' }).split('](benchmarks.svg)\n');
  writeFileSync(path, text + said);
  const relative = Object.fromEntries(
    Object.entries(figures).map(([corpus, rows]) => [
      corpus,
      Object.fromEntries(
        ['initial', 'no change', '1 % changed', 'restore'].map((what) => {
          const restic = median(rows[what]?.['restic'] ?? []);
          const of = (who: string) => median(rows[what]?.[who] ?? []) / restic;
          return [what, { portcullis: of('portcullis'), restic: 1, borg: of('borg') }];
        }),
      ),
    ]),
  );
  writeFileSync(new URL('benchmarks.svg', docs), chart(relative));
}
