import { isAbsolute, join, relative, resolve } from 'node:path';

/** What kind of place an address that git can fetch from names. */
export type Address =
  | { readonly kind: 'http'; readonly url: URL }
  | {
      readonly kind: 'ssh';
      readonly user: string | undefined;
      readonly host: string;
      readonly port: string | undefined;
      readonly path: string;
    }
  | { readonly kind: 'git'; readonly url: URL }
  | { readonly kind: 'local'; readonly path: string };

/** What `address` names, or undefined when it is nothing that is fetched from: a program, an option, a text with control characters. */
export function parseAddress(address: string): Address | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what smuggles a line into a protocol
  if (/[\u0000-\u001f\u007f]/.test(address) || address === '' || address.startsWith('-')) return undefined;
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(address)?.[1]?.toLowerCase();
  switch (scheme) {
    case 'http':
    case 'https':
    case 'git':
      if (!URL.canParse(address) || new URL(address).hostname.startsWith('-')) return undefined;
      return { kind: scheme === 'git' ? 'git' : 'http', url: new URL(address) };
    case 'ssh': {
      const [, user, bracketed, plain, port, path = ''] =
        /^ssh:\/\/(?:([^@/]+)@)?(?:\[([0-9a-f:]+)\]|([^/:@[\]]+))(?::(\d+))?(\/.*)$/i.exec(address) ?? [];
      const host = bracketed ?? plain;
      if (host === undefined || host.startsWith('-') || user?.startsWith('-')) return undefined;
      return { kind: 'ssh', user, host, port, path };
    }
    case 'file': {
      const path = /^file:\/\/(?:localhost)?(\/.*)$/i.exec(address)?.[1];
      return path === undefined ? undefined : { kind: 'local', path };
    }
    case undefined: {
      if (/^[^/]*::/.test(address)) return undefined;
      const [, user, host, path = ''] = /^(?:([^@/:]+)@)?([^/:@[\]]+):([^:].*)$/.exec(address) ?? [];
      if (host === undefined) return { kind: 'local', path: address };
      if (host.startsWith('-') || user?.startsWith('-')) return undefined;
      return { kind: 'ssh', user, host, port: undefined, path };
    }
    default:
      return undefined;
  }
}

/** Host that an address lies on, in lower case; undefined on this machine. */
export function hostOf(address: Address): string | undefined {
  switch (address.kind) {
    case 'http':
    case 'git':
      return address.url.hostname.toLowerCase();
    case 'ssh':
      return address.host.toLowerCase();
    case 'local':
      return undefined;
    default:
      return address satisfies never;
  }
}

/**
 * The absolute form of the address a repository at `base` gives for one of its submodules (`gitmodules(5)`: one that
 * begins with `./` or `../` is relative to the superproject's). Undefined when it may not be followed: it leads from a
 * remote repository to this machine, from a local one out of the folder it lies in, or is no address.
 */
export function resolveSubmodule(base: string, url: string): string | undefined {
  const from = parseAddress(base);
  if (from === undefined) return undefined;
  if (!/^\.\.?(\/|$)/.test(url)) {
    const to = parseAddress(url);
    return to === undefined || to.kind === 'local' ? undefined : url;
  }
  if (from.kind === 'local') {
    const place = resolve(from.path);
    const target = join(place, url);
    const inside = relative(join(place, '..'), target);
    const to = parseAddress(target);
    return inside === '' || inside.startsWith('..') || isAbsolute(inside) || to?.kind !== 'local' ? undefined : target;
  }
  const [, root = '', path = ''] =
    /^([a-z][a-z0-9+.-]*:\/\/[^/]*)(\/.*)?$/i.exec(base) ?? /^([^/:]*:)(.*)$/.exec(base) ?? [];
  const names = path.split('/').filter((name) => name !== '');
  for (const step of url.split('/')) {
    if (step === '' || step === '.') continue;
    if (step !== '..') names.push(step);
    else if (names.pop() === undefined) return undefined;
  }
  if (names.length === 0) return undefined;
  const resolved = `${root}${root.endsWith(':') && !path.startsWith('/') ? '' : '/'}${names.join('/')}`;
  return parseAddress(resolved) === undefined ? undefined : resolved;
}
