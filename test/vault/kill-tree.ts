import { noise, type Tree } from './world.ts';

/** What the source holds in a round: some of it as ever, some new, and something that takes more than one pack now and then. */
export function killTree(round: number): Tree {
  return {
    steady: noise(400_000, 1),
    turning: noise(200_000, 1000 + Math.floor(round / 3)),
    fresh: noise(50_000, 2000 + round),
    small: Buffer.from(`round ${round}`),
    folder: null,
    ...(round % 7 === 0 ? { large: noise(9_000_000, 3000 + round) } : {}),
  };
}
