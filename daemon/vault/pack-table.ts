import type { ListedPack } from './pack-set.ts';

/** What is known of packs by their number in one sealing, in some 40 bytes a pack: there are hundreds of thousands. */
export class PackTable {
  #hashes = Buffer.alloc(32 * 256);
  #sizes = new Uint32Array(256);
  #sessions = new Uint32Array(256);
  #plains = new Float64Array(256);
  readonly #sessionIds: string[] = [];
  readonly #sessionNumbers = new Map<string, number>();
  #count = 0;

  /** Says what pack `number` is, with the bytes of content in it. */
  set(number: number, pack: ListedPack, plain: number): void {
    while (number >= this.#sizes.length) this.#grow();
    this.#hashes.write(pack.name, number * 32, 'hex');
    this.#sizes[number] = pack.size;
    this.#plains[number] = plain;
    this.#sessions[number] = this.#session(pack.session);
    this.#count = Math.max(this.#count, number + 1);
  }

  /** Undefined for a number that nothing was said about. */
  get(number: number): ListedPack | undefined {
    const size = this.#sizes[number] ?? 0;
    if (size === 0) return undefined;
    return {
      name: this.#hashes.toString('hex', number * 32, number * 32 + 32),
      size,
      session: this.#sessionIds[this.#sessions[number] ?? 0] ?? '',
    };
  }

  /** Bytes of content in pack `number`. */
  plain(number: number): number {
    return this.#plains[number] ?? 0;
  }

  /** Every number below this may have been given. */
  get count(): number {
    return this.#count;
  }

  #session(id: string): number {
    let number = this.#sessionNumbers.get(id);
    if (number === undefined) {
      number = this.#sessionIds.push(id) - 1;
      this.#sessionNumbers.set(id, number);
    }
    return number;
  }

  #grow(): void {
    const length = this.#sizes.length * 2;
    const hashes = Buffer.alloc(length * 32);
    this.#hashes.copy(hashes);
    this.#hashes = hashes;
    const sizes = new Uint32Array(length);
    sizes.set(this.#sizes);
    this.#sizes = sizes;
    const sessions = new Uint32Array(length);
    sessions.set(this.#sessions);
    this.#sessions = sessions;
    const plains = new Float64Array(length);
    plains.set(this.#plains);
    this.#plains = plains;
  }
}
