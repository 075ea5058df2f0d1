/** The refs of a repository: full names to object ids. */
export type Refs = ReadonlyMap<string, string>;

export type RefChange =
  | { readonly change: 'created'; readonly ref: string; readonly after: string }
  | { readonly change: 'deleted'; readonly ref: string; readonly before: string }
  | { readonly change: 'moved'; readonly ref: string; readonly before: string; readonly after: string };

/** Refs out of git's `packed-refs`, in which every ref of a mirror stands. What is no line of one is passed over. */
export function parsePackedRefs(text: string): Refs {
  const refs = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^([0-9a-f]{40}|[0-9a-f]{64}) (\S.*)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) refs.set(match[2], match[1]);
  }
  return refs;
}

/** What leads from one to the other, by name. */
export function refChanges(before: Refs, after: Refs): RefChange[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.flatMap((ref): RefChange[] => {
    const was = before.get(ref);
    const is = after.get(ref);
    if (was === is) return [];
    if (was === undefined) return is === undefined ? [] : [{ change: 'created', ref, after: is }];
    return is === undefined
      ? [{ change: 'deleted', ref, before: was }]
      : [{ change: 'moved', ref, before: was, after: is }];
  });
}

/** `branch main`, `tag v1`, or the ref's full name. */
export function refWords(ref: string): string {
  if (ref.startsWith('refs/heads/')) return `branch ${ref.slice('refs/heads/'.length)}`;
  if (ref.startsWith('refs/tags/')) return `tag ${ref.slice('refs/tags/'.length)}`;
  return ref;
}
