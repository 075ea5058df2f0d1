/** The newest commit records this appliance knows of: the chain goes on from one of them, or it has been tampered with. */
export interface Chain {
  /** Last record known to be in the vault. */
  readonly committed: { readonly seq: number; readonly head: string } | undefined;
  /** Signed after that, not known to have arrived: a ship died in between. */
  readonly signed: readonly { readonly seq: number; readonly head: string }[];
}

/** Hashes (SHA-256, hex) the newest record in the vault may have. `none` is what stands for "no record yet". */
export function acceptableHeads({ committed, signed }: Chain, none: string): string[] {
  return [...signed.map(({ head }) => head), committed?.head ?? none];
}
