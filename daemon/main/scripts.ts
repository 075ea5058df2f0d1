import { fileURLToPath } from 'node:url';

/**
 * Program and arguments that run another file of this folder: compiled beside us, or, in development, its TypeScript
 * through the loader this process itself was started with.
 */
export function scriptCommand(name: string, ...args: string[]): [string, ...string[]] {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const script = fileURLToPath(new URL(`./${name}.${extension}`, import.meta.url));
  return [process.execPath, ...process.execArgv, script, ...args];
}
