import { alertsCommand } from './alerts-command.ts';
import { boardCommand } from './board-command.ts';
import type { Command } from './command.ts';
import { configCommand } from './config-command.ts';
import { doctorCommand } from './doctor.ts';
import { connectCommand, resetCommand, tripCommand } from './gate-commands.ts';
import { initCommand } from './init.ts';
import { clearCommand, syncCommand, windowsCommand } from './keeper-commands.ts';
import { keysCommand } from './keys-command.ts';
import { ledgerCommand } from './ledger-command.ts';
import { notifyCommand } from './notify-command.ts';
import { runCommands } from './run-commands.ts';
import { statusCommand } from './status.ts';
import { vaultCommands } from './vault-commands.ts';

/** Every command, in the order the help shows them. */
export const COMMANDS: readonly Command[] = [
  initCommand,
  ...runCommands,
  statusCommand,
  doctorCommand,
  tripCommand,
  resetCommand,
  connectCommand,
  windowsCommand,
  syncCommand,
  clearCommand,
  ...vaultCommands,
  keysCommand,
  alertsCommand,
  notifyCommand,
  ledgerCommand,
  configCommand,
  boardCommand,
];
