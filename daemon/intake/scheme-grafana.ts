import { durationMs } from '../base/duration.ts';
import { soleHeader } from './headers.ts';
import { refused, type Scheme } from './scheme.ts';
import { digestOf, hmacAttempt, keysOf, secondsOf } from './signature.ts';
import { generateText, keyFault } from './text-secret.ts';

/** The documentation names one, grafana/alerting uses the other where the contact point says nothing. */
const DEFAULT_HEADERS = ['x-grafana-alerting-signature', 'x-grafana-alert-signature'];

/**
 * Grafana Alerting's webhook with HMAC: HEX of an HMAC-SHA256 over `body`, or over `timestamp:body` where the contact
 * point names a header for the timestamp (grafana.com/docs, "Configure webhook notifications"; grafana/alerting,
 * http/hmac.go).
 */
export const grafana: Scheme<'grafana'> = {
  fault: keyFault,
  generate: generateText,
  strength: ({ timestampHeader }) => (timestampHeader === undefined ? 'signed body, replayable' : 'signed body + time'),

  authenticator({ secrets, header, timestampHeader, tolerance }) {
    const keys = keysOf(secrets);
    const names = header === undefined ? DEFAULT_HEADERS : [header.toLowerCase()];
    const timeName = timestampHeader?.toLowerCase();
    const toleranceMs = durationMs(tolerance) ?? 0;
    return (rawHeaders, wall) => {
      const [text = ''] = names.flatMap((name) => soleHeader(rawHeaders, name) ?? []);
      const digest = digestOf(text, 'hex');
      if (digest === undefined) return refused('It carries no single signature.');
      if (timeName === undefined) return hmacAttempt({ keys, given: [digest] });
      const timestamp = soleHeader(rawHeaders, timeName);
      const at = secondsOf(timestamp);
      if (at === undefined) return refused('It carries no single timestamp.');
      return hmacAttempt({ keys, given: [digest], before: `${timestamp}:`, age: { at, ms: wall - at, toleranceMs } });
    };
  },
};
