import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Whether the system says that its clock has been synchronised in this boot: systemd-timesyncd's mark, or what
 * `timedatectl` (chrony, ntpd and others answer through it) reports. What cannot be told is not trusted.
 */
export async function clockSynchronised(): Promise<boolean> {
  try {
    await access('/run/systemd/timesync/synchronized');
    return true;
  } catch {
    // No such mark: ask.
  }
  try {
    const { stdout } = await run('timedatectl', ['show', '--property=NTPSynchronized', '--value'], { timeout: 3000 });
    return stdout.trim() === 'yes';
  } catch {
    return false;
  }
}
