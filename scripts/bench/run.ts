import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What one run of a program took. */
export interface Run {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

/**
 * Runs a program to its end and measures it, with what it started. `talk` gets what it prints, line by line, and may answer; when it returns true the
 * run is over, and the program is let go by the end of its input. Rejects when it fails.
 */
export async function run(
  command: readonly string[],
  options: {
    cwd?: string;
    env?: NodeJS.ProcessEnv;
    input?: string;
    talk?: (line: string, say: (text: string) => void) => boolean;
  } = {},
): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));
  const figures = join(folder, 'figures');
  const began = performance.now();
  const child = spawn('/usr/bin/time', ['-f', '%U %S %M', '-o', figures, ...command], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let told = '';
  let rest = '';
  let ended: number | undefined;
  child.stdin.on('error', () => {});
  if (options.input !== undefined) child.stdin.write(options.input);
  if (options.talk === undefined) child.stdin.end();
  child.stderr.on('data', (chunk) => {
    told = (told + String(chunk)).slice(-2000);
  });
  child.stdout.on('data', (chunk) => {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of options.talk === undefined ? [] : lines) {
      if (options.talk?.(line, (text) => child.stdin.write(text)) !== true) continue;
      ended = performance.now();
      child.stdin.end();
    }
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  const over = ended ?? performance.now();
  const [user = 0, system = 0, kib = 0] = (readFileSync(figures, 'utf8').trim().split('\n').at(-1) ?? '')
    .split(' ')
    .map(Number);
  rmSync(folder, { recursive: true });
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}: ${told}${rest}`);
  return { seconds: (over - began) / 1000, cpuSeconds: user + system, peakMiB: kib / 1024 };
}
