import { ID_LENGTH } from './format.ts';

/** From blob id to a number in about 50 bytes a blob: a JavaScript Map takes four times that, and a board has little. */
export class BlobMap {
  #ids = Buffer.alloc(1024 * ID_LENGTH);
  #values = new Float64Array(1024);
  #slots = new Uint32Array(2048);
  #count = 0;

  get size(): number {
    return this.#count;
  }

  /** Keeps the first value given for an id. */
  add(id: Buffer, value: number): void {
    const slot = this.#find(id);
    if (this.#slots[slot] !== 0) return;
    if (this.#count === this.#values.length) this.#grow();
    id.copy(this.#ids, this.#count * ID_LENGTH);
    this.#values[this.#count] = value;
    this.#count++;
    this.#slots[this.#find(id)] = this.#count;
  }

  get(id: Buffer): number | undefined {
    const entry = this.#slots[this.#find(id)] ?? 0;
    return entry === 0 ? undefined : this.#values[entry - 1];
  }

  /** The slot that holds `id`, or the free one where it belongs. Half of the slots are always free. */
  #find(id: Buffer): number {
    const mask = this.#slots.length - 1;
    // Ids are keyed hashes: any four bytes of one are a good hash.
    for (let slot = id.readUInt32LE(0) & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#slots[slot] ?? 0;
      if (entry === 0) return slot;
      const from = (entry - 1) * ID_LENGTH;
      if (id.compare(this.#ids, from, from + ID_LENGTH) === 0) return slot;
    }
  }

  #grow(): void {
    const ids = Buffer.alloc(this.#ids.length * 2);
    this.#ids.copy(ids);
    this.#ids = ids;
    const values = new Float64Array(this.#values.length * 2);
    values.set(this.#values);
    this.#values = values;
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let entry = 1; entry <= this.#count; entry++) {
      const from = (entry - 1) * ID_LENGTH;
      this.#slots[this.#find(this.#ids.subarray(from, from + ID_LENGTH))] = entry;
    }
  }
}
