import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The end-to-end tests run what users run: the compiled daemon. Built once before them. */
export default function build(): void {
  execFileSync(fileURLToPath(new URL('../../scripts/build', import.meta.url)), { stdio: 'inherit' });
}
