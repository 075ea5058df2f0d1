/** Patterns that are too much for rsync are left to whoever reads the working copy. */
const MOST_FORMS = 16;

/**
 * Our glob patterns (`glob.ts`) as patterns of rsync, so that what is left out is not copied first. Ours always mean the whole path; a `**` between
 * slashes may stand for no folder at all, which takes rsync a pattern of its own.
 */
export function rsyncPatterns(globs: readonly string[]): string[] {
  return globs.flatMap((glob) => {
    const plain = glob.replace(/^\/+|\/+$/g, '');
    if (plain === '' || /[\n\r\0]/.test(plain)) return [];
    let forms = [''];
    for (const [index, part] of plain.split(/(?<=^|\/)\*\*\//).entries()) {
      forms = forms.flatMap((form) => (index === 0 ? [form + part] : [`${form}**/${part}`, form + part]));
      if (forms.length > MOST_FORMS) return [];
    }
    return forms.filter((form) => form !== '').map((form) => `/${literal(form)}`);
  });
}

/** Where there is a wildcard rsync reads brackets and backslashes too; ours stand for themselves. */
function literal(form: string): string {
  return /[*?[]/.test(form) ? form.replace(/[[\\]/g, '\\$&') : form;
}
