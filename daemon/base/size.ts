const UNITS = { K: 1 << 10, M: 1 << 20, G: 1 << 30, T: 2 ** 40 } as const;
/** A number of bytes as people write it: 128M, 16G. */
export const SIZE = /^(\d{1,6})([KMGT])$/;

/** Bytes in `text`; K, M, G and T are powers of 1,024. Undefined when it is no size. */
export function sizeBytes(text: string): number | undefined {
  const [, number, unit] = SIZE.exec(text) ?? [];
  return number === undefined ? undefined : Number(number) * UNITS[unit as keyof typeof UNITS];
}
