/** For each rule alerts in which it holds, and alerts much like those in which it does not. */
export type Fixtures = Readonly<
  Record<string, { readonly trips: readonly unknown[]; readonly passes: readonly unknown[] }>
>;
