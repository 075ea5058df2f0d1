import type { Cause } from '../base/protocol.ts';
import type { Secret } from '../base/secret.ts';
import type { AlertSource } from '../config/schema.ts';

/** The one thing intake can do to the gate, and how it says that it is there. */
export interface GatePort {
  /**
   * Trips the gate. Resolves when the lockout is durable or known not to become so; `commandedAt` is when the relay was
   * told to drop, in CLOCK_MONOTONIC milliseconds. Rejects with `socket.unreachable` when the gate has not answered
   * after two seconds.
   */
  trip(cause: Cause): Promise<{ readonly commandedAt: number; readonly durable: boolean }>;
  /** Renews intake's liveness lease. Does nothing while the gate is not connected. */
  alive(): void;
  connected(): boolean;
}

type ConfiguredAuth = AlertSource['auth'];
export type SchemeName = ConfiguredAuth['scheme'];
/** `auth` of the configuration without its secrets, by scheme. */
export type SettingsOf<S extends SchemeName> = {
  [N in SchemeName]: Omit<Extract<ConfiguredAuth, { scheme: N }>, 'secrets'>;
}[S];
/** `auth` of the configuration with its secrets loaded, by scheme. */
export type AuthOf<S extends SchemeName> = {
  [N in SchemeName]: SettingsOf<N> & { readonly secrets: readonly Secret[] };
}[S];

/** An alert source of the configuration with its secrets loaded. */
export type IntakeSource = Omit<AlertSource, 'auth'> & { readonly auth: AuthOf<SchemeName> };
