import { PortcullisError, reasonOf } from '../base/errors.ts';

/** `vault.damaged`, naming the object. An error that already names itself passes unchanged. */
export function damaged(name: string, error: unknown): PortcullisError {
  if (error instanceof PortcullisError) return error;
  return new PortcullisError('vault.damaged', `${name}: ${reasonOf(error)}.`, { cause: error });
}
