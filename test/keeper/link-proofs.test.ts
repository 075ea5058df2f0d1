import { expect, it } from 'vitest';
import { type Finding, type LinkProof, LinkProofs } from '../../daemon/keeper/link-proofs.ts';

class FakeProof implements LinkProof {
  finding: Finding = { reading: 'unknown' };
  readonly looks: boolean[] = [];
  stops = 0;
  changed = () => {};
  find = () => this.finding;
  look = (often: boolean) => void this.looks.push(often);
  start(changed: () => void): void {
    this.changed = changed;
  }
  stop(): void {
    this.stops += 1;
  }
}

it('reports a key for each proof that is configured, and nothing of another', () => {
  const carrier = new FakeProof();
  expect(new LinkProofs({}).read()).toEqual({});
  const proofs = new LinkProofs({ carrier });
  expect(proofs.read()).toEqual({ carrier: 'unknown' });
  carrier.finding = { reading: 'dead', caveat: 'Late.' };
  expect(proofs.read()).toEqual({ carrier: 'dead' });
  expect(proofs.caveats()).toEqual(['Late.']);
});

it('takes every proof at once when the link changes, often unless it is isolated or nobody knows', () => {
  const [carrier, probe] = [new FakeProof(), new FakeProof()];
  const proofs = new LinkProofs({ carrier, probe });
  for (const link of ['isolated', 'isolated', 'connecting', 'connected', 'connected', 'isolating'] as const)
    proofs.follow(link);
  proofs.follow(undefined);
  expect(carrier.looks).toEqual([false, true, true, true, false]);
  expect(probe.looks).toEqual(carrier.looks);
});

it('passes on what changed, and stops everything', () => {
  const [carrier, probe] = [new FakeProof(), new FakeProof()];
  const proofs = new LinkProofs({ carrier, probe });
  let changes = 0;
  proofs.start(() => {
    changes += 1;
  });
  probe.changed();
  carrier.changed();
  expect(changes).toBe(2);
  proofs.stop();
  expect([carrier.stops, probe.stops]).toEqual([1, 1]);
});
