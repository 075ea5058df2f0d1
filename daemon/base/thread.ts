import { Worker, type WorkerOptions } from 'node:worker_threads';

/**
 * Starts the module `name` that stands beside the module `from` (its `import.meta.url`) in a thread of its own. Where the sources run
 * uncompiled (tests, development) the thread needs the TypeScript loader: Node passes none on.
 */
export function startThread(
  from: string,
  name: string,
  options: Pick<WorkerOptions, 'workerData' | 'resourceLimits'> = {},
): Worker {
  if (!from.endsWith('.ts')) return new Worker(new URL(`./${name}.js`, from), { ...options, execArgv: [] });
  const loader = `import { register } from ${JSON.stringify(import.meta.resolve('tsx/esm/api'))}; register();`;
  return new Worker(new URL(`./${name}.ts`, from), {
    ...options,
    execArgv: ['--import', `data:text/javascript,${encodeURIComponent(loader)}`],
  });
}

/** Whether the memory of `bytes` is theirs alone, and can go to another thread as it is. */
export function isOwn(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer;
}
