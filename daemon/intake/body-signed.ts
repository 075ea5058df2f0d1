import { soleHeader } from './headers.ts';
import { refused, type Scheme } from './scheme.ts';
import { hmacAttempt, keysOf } from './signature.ts';
import { generateText, keyFault } from './text-secret.ts';

/**
 * A scheme that signs nothing but the body, with an HMAC-SHA256, in the one header `name`. `digests` are the signatures in that header's value
 * (empty where it is not there), decoded; without any the request is refused for want of `wanted`.
 */
export function bodySigned<S extends 'github' | 'pagerduty' | 'sentry'>(
  name: string,
  digests: (value: string) => readonly Buffer[],
  wanted = name,
): Scheme<S> {
  const header = name.toLowerCase();
  return {
    fault: keyFault,
    generate: generateText,
    strength: () => 'signed body, replayable',

    authenticator({ secrets }) {
      const keys = keysOf(secrets);
      return (rawHeaders) => {
        const given = digests(soleHeader(rawHeaders, header) ?? '');
        return given.length === 0 ? refused(`It carries no single ${wanted}.`) : hmacAttempt({ keys, given });
      };
    },
  };
}
