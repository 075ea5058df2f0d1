import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes a shell script that stands in for a database's program. */
export function fakeTool(folder: string, name: string, script: string): void {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}
