import { inspect } from 'node:util';

/** Bytes that must not be printed: every way of turning it into text says `**redacted**`. */
export class Secret {
  readonly #bytes: Buffer;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes);
  }

  static fromText(text: string): Secret {
    return new Secret(Buffer.from(text, 'utf8'));
  }

  /** The one way out. Use it at the place that needs the bytes, and keep no copy. */
  reveal(): Buffer {
    return this.#bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  toString(): string {
    return '**redacted**';
  }

  toJSON(): string {
    return '**redacted**';
  }

  [inspect.custom](): string {
    return '**redacted**';
  }
}
