/**
 * The value of header `name` (lower case) if it was sent exactly once. Node joins or drops duplicates in
 * `request.headers`, so that two readers of one request could see different values; a duplicate counts as absent here.
 */
export function soleHeader(rawHeaders: readonly string[], name: string): string | undefined {
  let found: string | undefined;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() !== name) continue;
    if (found !== undefined) return undefined;
    found = rawHeaders[at + 1];
  }
  return found;
}
