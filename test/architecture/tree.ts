import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Verdict {
  readonly ok: boolean;
  /** How many files Biome looked at. */
  readonly files: number;
  /** `RULE FILE`, sorted, without duplicates. */
  readonly errors: readonly string[];
}

/** A copy of daemon/ with the linter's real configuration, to plant violations in. */
export async function copyTree() {
  const root = await mkdtemp(join(tmpdir(), 'portcullis-tree-'));
  for (const name of ['.biome.json', '.gitignore', 'package.json', 'daemon'])
    await cp(join(ROOT, name), join(root, name), { recursive: true });
  return {
    root,
    /** Runs the real Biome over the tree with these files added, and takes them away again. */
    async lint(planted: Readonly<Record<string, string>> = {}): Promise<Verdict> {
      for (const [name, text] of Object.entries(planted)) {
        await mkdir(dirname(join(root, name)), { recursive: true });
        await writeFile(join(root, name), text, { flag: 'wx' });
      }
      try {
        return await biome(root);
      } finally {
        for (const name of Object.keys(planted)) await rm(join(root, name));
      }
    },
    remove: () => rm(root, { recursive: true }),
  };
}

interface Report {
  summary: { changed: number; unchanged: number };
  diagnostics: { category: string; severity: string; location: { path: string } }[];
}

function biome(root: string): Promise<Verdict> {
  const program = join(ROOT, 'node_modules/.bin/biome');
  const args = ['lint', '--reporter=json', '--max-diagnostics=none', '--error-on-warnings', 'daemon'];
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd: root, maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      try {
        const { summary, diagnostics } = JSON.parse(stdout) as Report;
        const errors = diagnostics
          .filter(({ severity }) => severity === 'error' || severity === 'warning')
          .map(({ category, location }) => `${category} ${location.path}`);
        resolve({
          ok: error === null,
          files: summary.changed + summary.unchanged,
          errors: [...new Set(errors)].sort(),
        });
      } catch {
        reject(new Error(`Biome did not report: ${stderr}`));
      }
    });
  });
}

/** Relative paths of all files under `folder` of the real tree whose name ends in `ending`. */
export async function filesUnder(folder: string, ending: string): Promise<string[]> {
  const names = await readdir(join(ROOT, folder), { recursive: true });
  return names.filter((name) => name.endsWith(ending)).map((name) => join(folder, name));
}
