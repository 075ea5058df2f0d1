/**
 * Measures the first and the later runs over a long history with large files: `npm run bench:git`. Writes its part of docs/benchmarks.md.
 *
 *   --commits N     of history (default 100000)
 *   --rounds N      later runs, of which the median counts (default 5)
 *   --print         say the table, and leave the document as it is
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { median } from './bench/figures.ts';
import { addHistory, emptyRepository } from './bench/git-history.ts';
import { Appliance } from './bench/portcullis.ts';
import { type Run, run } from './bench/run.ts';
import { bytesIn } from './bench/tools.ts';

const { values } = parseArgs({
  options: {
    commits: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '5' },
    print: { type: 'boolean', default: false },
  },
});
const commits = Number(values.commits);
const rounds = Number(values.rounds);
const LARGE_EVERY = 100;
const LARGE_BYTES = 1 << 20;
const NEW = 10;
const say = (text: string) => process.stderr.write(`${text}\n`);

const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));
const figures: { what: string; runs: Run[]; newBytes: number[] }[] = [];
let mirror = 0;
try {
  const repository = join(folder, 'origin.git');
  const common = { repository, largeBytes: LARGE_BYTES };
  say(`making ${commits} commits ...`);
  await emptyRepository(repository);
  await addHistory({ ...common, from: 0, commits, largeEvery: LARGE_EVERY });
  await run(['git', `--git-dir=${repository}`, 'repack', '-a', '-d', '-q']);
  const appliance = new Appliance(join(folder, 'appliance'));
  await appliance.init();
  const source = { name: 'bench', kind: 'git', url: repository };
  const seal = async (what: string) => {
    say(`${what} ...`);
    const sealed = await appliance.seal(source);
    const bytes = bytesIn(appliance.staging);
    await appliance.ship();
    const row = figures.find((one) => one.what === what) ?? { what, runs: [], newBytes: [] };
    if (row.runs.length === 0) figures.push(row);
    row.runs.push(sealed);
    row.newBytes.push(bytes);
  };
  await seal('first');
  mirror = bytesIn(join(folder, 'appliance/work')) / 2 ** 20;
  for (let round = 0; round < rounds; round += 1) {
    await addHistory({ ...common, from: commits + round * NEW, commits: NEW, largeEvery: NEW });
    await seal(`after ${NEW} commits, one of a large file`);
  }
  for (let round = 0; round < rounds; round += 1) await seal('no change');
  // On to the sixteenth run after the first, which reads every pack again and walks all history.
  const sofar = 1 + 2 * rounds;
  for (let at = sofar; at < 16; at += 1) await appliance.seal(source);
  await seal('the sixteenth run after the first');
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const first = figures[0]?.runs[0]?.seconds ?? Number.NaN;
const lines = figures.map(({ what, runs, newBytes }) => {
  const seconds = median(runs.map((one) => one.seconds));
  const cpu = median(runs.map((one) => one.cpuSeconds));
  const share = ((100 * seconds) / first).toFixed(1);
  const fresh = (median(newBytes) / 2 ** 20).toFixed(2);
  const peak = Math.max(...runs.map((one) => one.peakMiB)).toFixed(0);
  return `| ${what} | ${runs.length} | ${seconds.toFixed(2)} | ${share} % | ${cpu.toFixed(2)} | ${fresh} | ${peak} |`;
});
const TITLE = '## A long history with large files\n';
const text = `${TITLE}
Written by \`npm run bench:git\`. ${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'}), Node ${process.versions.node}. A repository of
${commits.toLocaleString('en')} commits on 2,000 files, one in ${LARGE_EVERY} of a large file (LFS) of 1 MiB, on this machine; its working copy takes ${mirror.toFixed(0)} MiB. Each run is
the whole seal job, its start included: ask, fetch, check, find and fetch large files, seal. Medians; memory is that of the largest process,
git's own among them. Goal: a run after 10 commits takes less than 5 % of the first.

| | runs | seconds | of the first | CPU seconds | sealed (MiB) | peak memory (MiB) |
|---|---:|---:|---:|---:|---:|---:|
${lines.join('\n')}
`;
if (values.print) process.stdout.write(text);
else {
  const page = new URL('../docs/benchmarks.md', import.meta.url);
  const [before = '', after = ''] = readFileSync(page, 'utf8').split(TITLE);
  const next = after.indexOf('\n## ');
  writeFileSync(page, `${before.trimEnd()}\n\n${text}${next < 0 ? '' : after.slice(next)}`);
}
