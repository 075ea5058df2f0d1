import { hasCode, PortcullisError, reasonOf } from '../base/errors.ts';

/** `vault.damaged`, naming the object. An error that already names itself passes unchanged. */
export function damaged(name: string, error: unknown): PortcullisError {
  if (error instanceof PortcullisError) return error;
  return new PortcullisError('vault.damaged', `${name}: ${reasonOf(error)}.`, { cause: error });
}

/** The store as a whole failed, as opposed to one object in it. */
export function isStoreFailure(error: PortcullisError): boolean {
  return error.code.startsWith('store.') && !hasCode(error, 'store.missing') && !hasCode(error, 'store.failed');
}
