import { systemClock } from '../base/clock.ts';
import { AssembledBoard, type Contact } from '../board/assembled.ts';
import { GpiochipInput, GpiochipOutput } from '../board/gpiochip.ts';
import { OnoffInput, OnoffOutput } from '../board/onoff.ts';
import type { Input, Output } from '../board/parts.ts';
import { protocolOf } from '../board/serial-boards.ts';
import { serialPorts } from '../board/serial-port.ts';
import { SerialRelay } from '../board/serial-relay.ts';
import { SimulatedBoard } from '../board/simulated.ts';
import type { BoardConfig, InputConfig, OutputConfig, RelayConfig } from '../gate/config.ts';
import { scriptCommand } from './scripts.ts';

/** Puts together the board that the configuration names. Touches no hardware yet. */
export function createBoard(config: BoardConfig): SimulatedBoard | AssembledBoard {
  if (config.driver === 'simulated') {
    const { directory, vault, uplink = false } = config;
    return new SimulatedBoard({ directory, vault, uplink, command: scriptCommand('board'), clock: systemClock });
  }
  const { relay, relay2, contacts, device, led, button, buzzer, supply, heartbeat, uplink } = config;
  const parts = {
    relay: relayOf(relay, 'relay'),
    ...(relay2 === undefined ? {} : { relay2: relayOf(relay2, 'relay2') }),
    contacts: contacts.map((contact, index) => contactOf(contact, `contact${index + 1}`)),
    ...(device === undefined ? {} : { device }),
    ...(led === undefined
      ? {}
      : {
          led:
            led.kind === 'one'
              ? outputOf(led.line, 'led')
              : {
                  red: outputOf(led.red, 'red'),
                  green: outputOf(led.green, 'green'),
                  blue: outputOf(led.blue, 'blue'),
                },
        }),
    ...(button === undefined
      ? {}
      : { button: { line: inputOf(button, 'button'), pressedLevel: button.active === 'high' } }),
    ...(buzzer === undefined ? {} : { buzzer: outputOf(buzzer, 'buzzer') }),
    ...(supply === undefined
      ? {}
      : { supply: { line: inputOf(supply, 'supply'), presentLevel: supply.active === 'high' } }),
    ...(heartbeat === undefined ? {} : { heartbeat: outputOf(heartbeat, 'heartbeat') }),
    ...(uplink === undefined
      ? {}
      : { uplink: { relay: relayOf(uplink.relay, 'uplink'), contact: contactOf(uplink.contact, 'uplink-contact') } }),
  };
  return new AssembledBoard(parts, systemClock);
}

function contactOf(config: InputConfig, what: string): Contact {
  return { line: inputOf(config, what), madeLevel: config.active === 'high' };
}

function relayOf(config: RelayConfig, what: string): Output {
  if (config.driver !== 'serial') return outputOf(config, what);
  const { driver: _, port: path, ...part } = config;
  return new SerialRelay({ path, protocol: protocolOf(part), open: serialPorts(), clock: systemClock });
}

function outputOf({ driver, chip: label, line }: OutputConfig, what: string): Output {
  return driver === 'gpiochip' ? new GpiochipOutput({ label, line, what }) : new OnoffOutput({ label, line, what });
}

function inputOf(config: InputConfig, what: string): Input {
  const { chip: label, line } = config;
  if (config.driver === 'onoff') return new OnoffInput({ label, line, what, clock: systemClock });
  return new GpiochipInput({ label, line, what, bias: config.bias, clock: systemClock });
}
