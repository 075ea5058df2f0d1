/** `text` without the user information of any URL in it: `https://user:password@host/` becomes `https://***@host/`. */
export function redact(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/]*@/gi, '$1***@');
}
