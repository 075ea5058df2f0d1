import type { ListWriter } from './list-writer.ts';

/** A place in the list that an entry keeps until its lines can be written. */
export interface Place {
  readonly path: Buffer;
  /** Undefined until what they say is known. */
  lines?: readonly Buffer[];
  /** Called when its lines have been written. */
  written?: () => void;
}

/** Brings entries that become ready in any order into the list in the order in which they came. */
export class ListOrder {
  readonly #list: ListWriter;
  #places: Place[] = [];
  #next = 0;

  constructor(list: ListWriter) {
    this.#list = list;
  }

  /** The next entry's place. */
  place(path: Buffer): Place {
    const place: Place = { path };
    this.#places.push(place);
    return place;
  }

  /** Writes every entry before which none is waiting. */
  drain(): void {
    for (let place = this.#places[this.#next]; place?.lines !== undefined; place = this.#places[this.#next]) {
      this.#list.add(place.path, place.lines);
      place.written?.();
      this.#next++;
    }
    if (this.#next > 1024 || this.#next === this.#places.length) {
      this.#places = this.#places.slice(this.#next);
      this.#next = 0;
    }
  }
}
