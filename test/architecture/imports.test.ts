import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyTree, filesUnder, ROOT, type Verdict } from './tree.ts';

const DIRECTION = 'lint/style/noRestrictedImports';
const CYCLE = 'lint/suspicious/noImportCycles';

let tree: Awaited<ReturnType<typeof copyTree>>;
let clean: Verdict;

beforeAll(async () => {
  tree = await copyTree();
  clean = await tree.lint();
});

afterAll(async () => {
  await tree.remove();
});

/** What the planted files add to the errors of the clean tree. */
async function addedBy(planted: Record<string, string>): Promise<{ ok: boolean; errors: string[] }> {
  const { ok, errors } = await tree.lint(planted);
  return { ok, errors: errors.filter((error) => !clean.errors.includes(error)) };
}

describe('the check of imports', () => {
  it('passes the tree as it is, having read every file of it', async () => {
    const sources = await filesUnder('daemon', '.ts');
    expect(sources.length).toBeGreaterThan(50);
    expect(clean.files).toBeGreaterThanOrEqual(sources.length);
    expect(clean.errors.filter((error) => error.startsWith(DIRECTION) || error.startsWith(CYCLE))).toEqual([]);
  });

  it.each([
    ['gate/ imports fastify', 'daemon/gate/planted.ts', "import 'fastify';"],
    ['gate/ exports from fastify', 'daemon/gate/planted.ts', "export * from 'fastify';"],
    ['gate/ imports fastify when it runs', 'daemon/gate/planted.ts', "export const later = () => import('fastify');"],
    [
      'gate/ imports only a type of the keeper',
      'daemon/gate/planted.ts',
      "export type { KeeperStatus } from '../keeper/ports.ts';",
    ],
    ['gate/ imports a board', 'daemon/gate/planted.ts', "import '../board/simulated.ts';"],
    ['gate/ imports the configuration', 'daemon/gate/planted.ts', "import '../config/schema.ts';"],
    ['base/ imports a package', 'daemon/base/planted.ts', "import 'zod';"],
    ['base/ imports upwards', 'daemon/base/planted.ts', "import '../gate/board.ts';"],
    ['base/ goes round by its own folder', 'daemon/base/planted.ts', "import './../gate/board.ts';"],
    ['board/ imports more of the gate than its port', 'daemon/board/planted.ts', "import '../gate/gate.ts';"],
    ['alerts/ imports intake', 'daemon/alerts/planted.ts', "import '../intake/body.ts';"],
    ['alerts/ imports a package of the network', 'daemon/alerts/planted.ts', "import 'fastify';"],
    ['intake/ imports the gate', 'daemon/intake/planted.ts', "import '../gate/gate.ts';"],
    ['intake/ goes round by a folder it may import', 'daemon/intake/planted.ts', "import '../base/../gate/gate.ts';"],
    ['intake/ goes round by the root', 'daemon/intake/planted.ts', "import '../../daemon/gate/gate.ts';"],
    ['store/ imports more of the vault than its port', 'daemon/store/planted.ts', "import '../vault/format.ts';"],
    ['the vault imports a store', 'daemon/vault/planted.ts', "import '../store/directory.ts';"],
    ['sources/ imports the vault', 'daemon/sources/planted.ts', "import '../vault/store.ts';"],
    ['the ledger imports the keeper', 'daemon/ledger/planted.ts', "import '../keeper/ports.ts';"],
    ['web/ imports the ledger itself', 'daemon/web/planted.ts', "import '../ledger/ledger.ts';"],
    ['the command line imports a process', 'daemon/cli/planted.ts', "import '../main/process.ts';"],
  ])('fails when %s', async (_title, file, text) => {
    const { ok, errors } = await addedBy({ [file]: `${text}\n` });
    expect(errors).toContain(`${DIRECTION} ${file}`);
    expect(ok).toBe(false);
  });

  it('fails when two folders import each other', async () => {
    const { ok, errors } = await addedBy({
      'daemon/config/planted.ts': "import { b } from '../schedule/planted.ts';\nexport const a = () => b;\n",
      'daemon/schedule/planted.ts': "import { a } from '../config/planted.ts';\nexport const b = () => a;\n",
    });
    expect(ok).toBe(false);
    expect(errors).toEqual([
      `${DIRECTION} daemon/schedule/planted.ts`,
      `${CYCLE} daemon/config/planted.ts`,
      `${CYCLE} daemon/schedule/planted.ts`,
    ]);
  });

  it('fails on a circle of files in one folder, of types too', async () => {
    const { ok, errors } = await addedBy({
      'daemon/vault/planted-a.ts': "import type { B } from './planted-b.ts';\nexport type A = { b: B };\n",
      'daemon/vault/planted-b.ts': "import type { A } from './planted-a.ts';\nexport type B = { a: A };\n",
    });
    expect(ok).toBe(false);
    expect(errors).toEqual([`${CYCLE} daemon/vault/planted-a.ts`, `${CYCLE} daemon/vault/planted-b.ts`]);
  });

  it.each([
    ['time past the Clock port', 'lint/style/noRestrictedGlobals', 'export const now = () => Date.now();'],
    [
      'a timer past the Clock port',
      'lint/style/noRestrictedGlobals',
      'export const later = () => setTimeout(() => {}, 1);',
    ],
    ['console', 'lint/suspicious/noConsole', "export const say = () => console.log('x');"],
    ['any', 'lint/suspicious/noExplicitAny', 'export const x: any = 1;'],
    ['a non-null assertion', 'lint/style/noNonNullAssertion', 'export const x = (y?: string) => y!.length;'],
    ['a floating promise', 'lint/nursery/noFloatingPromises', 'export function f() {\n  Promise.resolve(1);\n}'],
  ])('fails on %s in the daemon', async (_title, rule, text) => {
    const { ok, errors } = await addedBy({ 'daemon/keeper/planted.ts': `${text}\n` });
    expect(errors).toContain(`${rule} daemon/keeper/planted.ts`);
    expect(ok).toBe(false);
  });

  it('denies by default in every folder but main/', async () => {
    const entries = await readdir(join(ROOT, 'daemon'), { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory() && entry.name !== 'main').map(({ name }) => name);
    expect(folders.length).toBeGreaterThan(10);
    const files = folders.map((name) => `daemon/${name}/planted.ts`);
    const text = "import 'a-package-nobody-has-heard-of';\n";
    const { errors } = await addedBy(Object.fromEntries(files.map((file) => [file, text])));
    expect(errors).toEqual(files.map((file) => `${DIRECTION} ${file}`).sort());
  });

  it('is part of `npm run check`', async () => {
    const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    expect(scripts.check).toMatch(/^biome ci .*--error-on-warnings \. &&/);
  });
});

describe('the gate', () => {
  it('reaches nothing but node built-ins, base/ and schedule/, however far one follows its imports', async () => {
    const seen = new Set<string>();
    const packages = new Set<string>();
    const queue = await filesUnder('daemon/gate', '.ts');
    for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
      if (seen.has(file)) continue;
      seen.add(file);
      const text = await readFile(join(ROOT, file), 'utf8');
      for (const [, specifier = ''] of text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)) {
        if (specifier.startsWith('.')) queue.push(join(dirname(file), specifier));
        else if (!specifier.startsWith('node:')) packages.add(specifier);
      }
    }
    expect([...packages]).toEqual([]);
    expect(new Set([...seen].map((file) => file.split('/')[1]))).toEqual(new Set(['gate', 'base', 'schedule']));
    expect(seen.size).toBeGreaterThan(10);
  });
});
