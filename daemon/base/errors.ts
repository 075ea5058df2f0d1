/**
 * The register of everything that can go wrong and be told to a person.
 *
 * `exit` is the command line's exit status (1 failed, 2 wrong use or configuration, 3 refused),
 * `status` the HTTP status, `remedy` what to do about it. `docs/errors.md` is tested against this list, both ways.
 */
const REGISTER = {
  // base
  'socket.unreachable': { exit: 1, status: 503, remedy: 'Start it with `portcullis run`, or look at its log.' },
  'socket.taken': {
    exit: 1,
    status: 409,
    remedy: 'Only one appliance may use a runtime directory: stop the other one, or set `appliance.runtime`.',
  },
  'socket.failed': {
    exit: 1,
    status: 500,
    remedy:
      'Check that the runtime directory exists, belongs to this user and its path is short (at most 107 bytes with the socket).',
  },
  'usage.wrong': { exit: 2, status: 400, remedy: 'See `portcullis --help`.' },
  // config
  'config.missing': { exit: 2, status: 500, remedy: 'Create one with `portcullis init`, or name it with --config.' },
  'config.invalid': {
    exit: 2,
    status: 500,
    remedy: 'Correct the lines named above, then run `portcullis config check`.',
  },
  'config.secret': {
    exit: 2,
    status: 500,
    remedy: 'Check that the file, variable or credential exists and that this user may read it.',
  },
  'state.uninitialised': { exit: 2, status: 500, remedy: 'Run `portcullis init` once.' },
  'state.exists': {
    exit: 2,
    status: 409,
    remedy: 'Name another state directory, or keep the appliance that is there: its keys belong to a vault.',
  },
  'config.gate': { exit: 2, status: 500, remedy: 'Compile it again with `portcullis config apply`.' },
  'config.protect': { exit: 2, status: 500, remedy: 'As root, run `portcullis config apply`.' },
  // gate
  'gate.refused': { exit: 3, status: 409, remedy: '`portcullis status` lists each interlock with its remedy.' },
  'gate.rules': {
    exit: 3,
    status: 409,
    remedy: 'The rules before stay in force; run `portcullis config apply` again once nothing is in the way.',
  },
  'gate.latch': {
    exit: 1,
    status: 503,
    remedy: 'The lock holds in memory only: free space or replace the disk that holds the state directory.',
  },
  'gate.unsafe': {
    exit: 3,
    status: 409,
    remedy:
      'Run the gate under systemd with its off-helper, add a heartbeat line with a dead-man circuit, or take a serial board with its own timer.',
  },
  'gate.notify': {
    exit: 1,
    status: 503,
    remedy: 'Start the gate by its unit; without one, unset NOTIFY_SOCKET. `npm ci` brings the optional packages.',
  },
  'gate.board': {
    exit: 1,
    status: 503,
    remedy: 'Check the wiring and `portcullis board show`, then reset at the box.',
  },
  // intake
  'intake.listen': {
    exit: 1,
    status: 500,
    remedy: 'Set `intake.host` and `intake.port` to an address of this machine that nothing else uses.',
  },
  'intake.rule': {
    exit: 2,
    status: 500,
    remedy:
      'Take the name of a shipped rule (`portcullis alerts rules`), or give the rule its reason and its condition.',
  },
  'intake.secret': {
    exit: 2,
    status: 500,
    remedy: 'Give it one that its scheme takes (`docs/alert-authentication.md`), here and at the sender.',
  },
  'intake.tls': {
    exit: 2,
    status: 500,
    remedy:
      "Give `intake.tls` whole files in PEM that intake's user may read: a certificate with its chain, and the key that belongs to it.",
  },
  // restore
  'restore.failed': {
    exit: 1,
    status: 502,
    remedy: 'Put right what the target or the program reported, and run it again; the vault is as it was.',
  },
  'restore.absent': {
    exit: 1,
    status: 404,
    remedy: 'Take a snapshot that has it: `portcullis find` lists in which it was, and when it changed.',
  },
  'restore.refused': {
    exit: 1,
    status: 502,
    remedy: 'Put right what the forge says, then run the same command again: it makes only what is still missing.',
  },
  // keeper
  'restore.partial': {
    exit: 1,
    status: 500,
    remedy: 'An older snapshot may hold them whole; `portcullis verify --key FILE --read-data` says what is damaged.',
  },
  'job.died': { exit: 1, status: 500, remedy: 'Its last words are in the log; the next window tries again.' },
  'sync.failed': { exit: 1, status: 500, remedy: '`portcullis status` and the log say which source failed and why.' },
  'job.stopped': {
    exit: 1,
    status: 503,
    remedy: 'What was finished stays in staging and goes out in the next window.',
  },
  // ledger
  'ledger.failed': {
    exit: 1,
    status: 503,
    remedy: 'Check that the ledger exists, that its disk has space, and that this user may read and write it.',
  },
  'ledger.damaged': {
    exit: 1,
    status: 500,
    remedy: 'Keep the file for whoever investigates. The keeper sets it aside and begins a new one when it starts.',
  },
  'ledger.newer': { exit: 2, status: 500, remedy: 'Run the version of Portcullis that wrote it, or a newer one.' },
  'ledger.foreign': { exit: 2, status: 500, remedy: 'Give the ledger a file of its own with `ledger.path`.' },
  // sources
  'notify.undelivered': {
    exit: 1,
    status: 502,
    remedy: 'Look at the address and the secret of the receiver in `notify.targets`, and whether this box reaches it.',
  },
  'source.failed': {
    exit: 1,
    status: 502,
    remedy: 'Put right what the origin or the program reported; no snapshot was made, and the next run tries again.',
  },
  'source.stopped': { exit: 1, status: 503, remedy: 'No snapshot was made; the next run starts this source over.' },
  'branch.missing': {
    exit: 1,
    status: 404,
    remedy: 'Name one of the branches listed, or a snapshot from when the branch existed.',
  },
  // store
  'store.busy': {
    exit: 1,
    status: 503,
    remedy: "The next window tries again; if it stays so, look at the server's load and log.",
  },
  'store.exists': { exit: 1, status: 409, remedy: 'Objects are written once; nothing was changed.' },
  'store.failed': { exit: 1, status: 500, remedy: "Check the disk, its mount and the kernel's log." },
  'store.full': { exit: 1, status: 507, remedy: 'Make room in the vault or give it a larger disk; nothing is lost.' },
  'store.gone': {
    exit: 1,
    status: 503,
    remedy: 'Connect the vault, and check what `vault.store` names and whether this box reaches it.',
  },
  'store.missing': { exit: 1, status: 404, remedy: 'Run `portcullis verify` to see what else is missing.' },
  'store.mount': {
    exit: 1,
    status: 503,
    remedy: "Look at `systemctl status` of the unit and at the kernel's log; `portcullis doctor` examines the unit.",
  },
  'store.refused': {
    exit: 1,
    status: 502,
    remedy: "Check the credentials and what they may do, this box's clock, and what `vault.store` names.",
  },
  'store.unlocked': {
    exit: 3,
    status: 409,
    remedy:
      'Use a bucket made with Object Lock on a server that enforces it, or set `objectLock: none` and know that these credentials can then delete the vault.',
  },
  'store.unprotected': {
    exit: 1,
    status: 500,
    remedy:
      'Put the vault on ext4, xfs or btrfs and start portcullis-protect.socket, or take `vault.store.immutable` away.',
  },
  // vault
  'vault.absent': {
    exit: 1,
    status: 404,
    remedy: 'Check the path, or make a vault there with `portcullis init`; nothing was changed.',
  },
  'vault.damaged': {
    exit: 1,
    status: 500,
    remedy: 'Run `portcullis verify --read-data` to see which snapshots are touched.',
  },
  'vault.destination': {
    exit: 2,
    status: 400,
    remedy: 'Name a folder that is empty or does not exist yet; `--resume` goes on with an unfinished restore.',
  },
  'vault.exists': { exit: 3, status: 409, remedy: 'Choose an empty folder; nothing was changed.' },
  'vault.forged': {
    exit: 1,
    status: 409,
    remedy: 'Somebody else wrote to this vault, or it is damaged: keep it isolated and run `portcullis verify`.',
  },
  'vault.head_mismatch': {
    exit: 1,
    status: 409,
    remedy: 'The vault was rolled back, exchanged or written to by another: keep it isolated and find out which.',
  },
  'vault.incomplete': {
    exit: 1,
    status: 500,
    remedy: 'What the vault has lost is sealed again at the next window; run `portcullis verify` meanwhile.',
  },
  'vault.key': {
    exit: 2,
    status: 400,
    remedy: 'Compare the recovery key file with the printed sheet; each line has a checksum.',
  },
  'vault.other': {
    exit: 2,
    status: 409,
    remedy: 'Use the vault and the key that belong together; nothing was changed.',
  },
  'vault.passphrase': { exit: 2, status: 400, remedy: 'Type the passphrase again, as it was when the key was made.' },
  'vault.recipient': {
    exit: 2,
    status: 400,
    remedy: 'Use the private key of one of the recipients this was encrypted to.',
  },
  'vault.snapshot': { exit: 2, status: 404, remedy: '`portcullis snapshots` lists what there is.' },
  'vault.staging': {
    exit: 1,
    status: 500,
    remedy: 'Check space and permissions of the staging directory; what is damaged there is sealed again.',
  },
  'vault.version': { exit: 1, status: 400, remedy: 'Use a newer Portcullis, or the reader that came with the vault.' },
  // web
  'web.loopback': {
    exit: 2,
    status: 500,
    remedy: 'Set `web.host` to 127.0.0.1 or ::1, and reach the page from afar through an SSH tunnel.',
  },
  'web.listen': { exit: 1, status: 500, remedy: 'Stop what holds the port, or set another `web.port`.' },
  'web.request': { exit: 2, status: 400, remedy: 'Correct the request; nothing was changed.' },
  'web.host': { exit: 3, status: 421, remedy: 'Use the address 127.0.0.1 or the name localhost.' },
  'web.refused': {
    exit: 3,
    status: 403,
    remedy: 'Send it from the page itself, or with the headers the API asks for; nothing was changed.',
  },
  'web.missing': { exit: 1, status: 404, remedy: 'The page is at `/`, the API under `/api/v1`.' },
  'web.busy': { exit: 1, status: 503, remedy: 'Close pages that nobody looks at, then try again.' },
  'web.failed': { exit: 1, status: 500, remedy: "The cause is in the keeper's log." },
} as const satisfies Record<string, { exit: 1 | 2 | 3; status: number; remedy: string }>;

export type ErrorCode = keyof typeof REGISTER;

export const ERROR_REGISTER: Readonly<Record<ErrorCode, { exit: 1 | 2 | 3; status: number; remedy: string }>> =
  REGISTER;

/** An error a person will read: `what` says what happened and to what; the register adds what to do. */
export class PortcullisError extends Error {
  readonly code: ErrorCode;
  readonly what: string;

  constructor(code: ErrorCode, what: string, options?: { cause?: unknown }) {
    super(`${what} ${REGISTER[code].remedy} [${code}]`, options);
    this.name = 'PortcullisError';
    this.code = code;
    this.what = what;
  }

  get remedy(): string {
    return REGISTER[this.code].remedy;
  }

  get exit(): number {
    return REGISTER[this.code].exit;
  }

  get status(): number {
    return REGISTER[this.code].status;
  }
}

/** True when `error` is ours and carries `code`. */
export function hasCode(error: unknown, code: ErrorCode): error is PortcullisError {
  return error instanceof PortcullisError && error.code === code;
}

/** The message of anything thrown, in one line. */
export function reasonOf(error: unknown): string {
  const text = error instanceof PortcullisError ? error.what : error instanceof Error ? error.message : String(error);
  return text.replace(/\s*\n\s*/g, ' ');
}

/** The `code` of a Node system error (ENOENT, EACCES …), or undefined. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
