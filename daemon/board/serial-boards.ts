import { PortcullisError } from '../base/errors.ts';
import { icpdas } from './serial-icpdas.ts';
import { kmtronic } from './serial-kmtronic.ts';
import { lcus } from './serial-lcus.ts';
import { numato } from './serial-numato.ts';
import type { Protocol } from './serial-protocol.ts';
import { waveshare } from './serial-waveshare.ts';

/** How many relays the largest board of each kind has, as far as its protocol is spoken here. */
const CHANNELS = { lcus: 8, kmtronic: 2, numato: 32, waveshare: 32, i7060: 4 } as const;

export type SerialModel = keyof typeof CHANNELS;

export interface SerialBoard {
  readonly model: SerialModel;
  /** Which relay, from 1. */
  readonly channel: number;
  /** The address on the RS-485 bus, of those boards that have one; as delivered unless given. */
  readonly address?: number;
  /** Waveshare only: another relay, to which nothing is connected, on which its timer is proven. */
  readonly spare?: number;
  /** I-7060 only: whether the module is set up to add checksums. */
  readonly checksum?: boolean;
}

/** What this board understands. Throws `gate.board` where there can be no such relay. */
export function protocolOf({ model, channel, address = 1, spare, checksum = false }: SerialBoard): Protocol {
  const isRelay = (number: number) => Number.isInteger(number) && number >= 1 && number <= CHANNELS[model];
  if (!isRelay(channel))
    throw new PortcullisError('gate.board', `A ${model} board has no relay ${channel}, only 1 to ${CHANNELS[model]}.`);
  switch (model) {
    case 'lcus':
      return lcus({ channel });
    case 'kmtronic':
      return kmtronic({ channel });
    case 'numato':
      return numato({ channel });
    case 'waveshare':
      if (spare !== undefined && (!isRelay(spare) || spare === channel))
        throw new PortcullisError('gate.board', `Relay ${spare} of the waveshare board cannot be its spare one.`);
      return waveshare({ unit: address, channel, ...(spare === undefined ? {} : { spare }) });
    case 'i7060':
      return icpdas({ address, channel, checksum });
    default:
      return model satisfies never;
  }
}
