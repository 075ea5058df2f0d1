/** Signatures that a job has asked the keeper for and not got yet. */
export class Signatures {
  readonly #awaited = new Map<number, { resolve(signature: string): void; reject(error: Error): void }>();
  #ids = 0;

  /** Asks by `send`, with a number for the answer, and resolves with the signature. Rejects when the keeper refuses. */
  ask(send: (id: number) => void): Promise<string> {
    return new Promise((resolve, reject) => {
      const id = ++this.#ids;
      this.#awaited.set(id, { resolve, reject });
      send(id);
    });
  }

  answered(
    message: { type: 'signature'; id: number; signature: string } | { type: 'refused'; id: number; reason: string },
  ) {
    const waiting = this.#awaited.get(message.id);
    this.#awaited.delete(message.id);
    if (message.type === 'signature') waiting?.resolve(message.signature);
    else waiting?.reject(new Error(`The keeper refused to sign: ${message.reason}`));
  }
}
