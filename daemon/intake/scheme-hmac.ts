import { parseTime } from '../base/clock.ts';
import { durationMs } from '../base/duration.ts';
import { soleHeader } from './headers.ts';
import { refused, type Scheme } from './scheme.ts';
import { digestOf, hmacAttempt, keysOf, secondsOf } from './signature.ts';
import { generateText, keyFault } from './text-secret.ts';

/** Any other sender that signs the body with an HMAC (RFC 2104), as its configuration spells it out. */
export const hmac: Scheme<'hmac'> = {
  fault: keyFault,
  generate: generateText,
  strength: ({ timestampHeader }) => (timestampHeader === undefined ? 'signed body, replayable' : 'signed body + time'),

  authenticator({ secrets, header, algorithm, encoding, prefix, signed, timestampHeader, tolerance }) {
    const keys = keysOf(secrets);
    const name = header.toLowerCase();
    const timeName = timestampHeader?.toLowerCase();
    const toleranceMs = durationMs(tolerance) ?? 0;
    const [before = '', after = ''] = signed.split('{body}');
    return (rawHeaders, wall) => {
      const text = soleHeader(rawHeaders, name) ?? '';
      const digest = text.startsWith(prefix) ? digestOf(text.slice(prefix.length), encoding, algorithm) : undefined;
      if (digest === undefined) return refused('It carries no single signature.');
      const given = [digest];
      if (timeName === undefined) return hmacAttempt({ keys, algorithm, given, before, after });
      const timestamp = soleHeader(rawHeaders, timeName);
      const at = timeOf(timestamp);
      if (timestamp === undefined || at === undefined) return refused('It carries no single timestamp.');
      const filled = (part: string) => part.split('{timestamp}').join(timestamp);
      const age = { at, ms: wall - at, toleranceMs };
      return hmacAttempt({ keys, algorithm, given, before: filled(before), after: filled(after), age });
    };
  },
};

/** Seconds, milliseconds or RFC 3339. Which of them it is cannot be chosen by a stranger: the text is signed. */
function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{12,14}$/.test(text)) return Number(text);
  // Without its offset a time would be this machine's.
  return /T.*(Z|[+-]\d\d:\d\d)$/.test(text) ? parseTime(text) : secondsOf(text);
}
