import { PortcullisError } from '../base/errors.ts';

const NAME = /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/;

/** Throws `store.failed` unless `name` is one that an object may have. */
export function requireName(name: string): void {
  if (!NAME.test(name) || name.split('/').some((part) => part === '.' || part === '..')) {
    throw new PortcullisError('store.failed', `"${name}" is no name for an object.`);
  }
}
