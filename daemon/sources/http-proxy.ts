import type { Environment } from './program.ts';

/** The proxy the environment names for `url`, as curl and with it git understand it; undefined for none. */
export function proxyFor(url: URL, environment: Environment): URL | undefined {
  const https = url.protocol === 'https:';
  const named = https
    ? (environment['https_proxy'] ?? environment['HTTPS_PROXY'])
    : // In capitals it may be a header of a request to a CGI program.
      environment['http_proxy'];
  const proxy = named ?? environment['all_proxy'] ?? environment['ALL_PROXY'];
  if (proxy === undefined || proxy === '' || isExempt(url, environment['no_proxy'] ?? environment['NO_PROXY'] ?? ''))
    return undefined;
  const address = /^[a-z0-9]+:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
  return URL.canParse(address) ? new URL(address) : undefined;
}

function isExempt({ hostname }: URL, list: string): boolean {
  const host = hostname.toLowerCase().replace(/^\[|\]$/g, '');
  return list
    .split(/[\s,]+/)
    .map((one) => one.toLowerCase().replace(/^\./, ''))
    .some((one) => one === '*' || (one !== '' && (host === one || host.endsWith(`.${one}`))));
}
