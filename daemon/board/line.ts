import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';
import { commandsOf, socketOf } from './files.ts';

/** A board that lives answers in a few milliseconds; one that has not by now does not live. */
const ANSWER_MS = 3000;

/** The wires to a simulated board that is alive: commands through its FIFO, answers and sign of life through its socket. */
export class Line {
  readonly #socket: Socket;
  readonly #directory: string;
  readonly #clock: Clock;
  #commands: number | undefined;
  #hear: (told: string) => void = () => {};

  /** Connects to the board of this directory (real path). Undefined where none is alive; `gate.board` where one is mute. */
  static async open(directory: string, clock: Clock): Promise<Line | undefined> {
    const socket = connect({ path: socketOf(directory) });
    const failure = await new Promise<Error | undefined>((resolve) => {
      socket.once('connect', () => resolve(undefined));
      socket.on('error', resolve);
    });
    if (errnoOf(failure) === 'ECONNREFUSED') return undefined;
    const line = new Line(socket, directory, clock);
    try {
      if (failure !== undefined) throw failure;
      if ((await line.#told('ready')) === 'gone') return undefined;
      // Without O_NONBLOCK this would wait for a reader, and a write to a full FIFO would stop the gate.
      line.#commands = openSync(commandsOf(directory), constants.O_WRONLY | constants.O_NONBLOCK);
      return line;
    } catch (error) {
      line.close();
      throw line.#error('cannot be reached', error);
    }
  }

  private constructor(socket: Socket, directory: string, clock: Clock) {
    this.#socket = socket;
    this.#directory = directory;
    this.#clock = clock;
    let rest = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const told of lines) this.#hear(told);
    });
    socket.once('close', () => {
      this.#letGo();
      this.#hear('gone');
    });
  }

  /** False once the board is gone, or this end was closed. */
  get alive(): boolean {
    return this.#commands !== undefined;
  }

  /** Gives a command, synchronously: when it returns, the command has left this process. Throws `gate.board`. */
  send(command: string): void {
    try {
      if (this.#commands === undefined) throw new Error('it is gone');
      writeSync(this.#commands, `${command}\n`);
    } catch (error) {
      throw this.#error(`did not take "${command}"`, error);
    }
  }

  /** Gives a command and waits for what the board tells of it. One at a time. Rejects with `gate.board`. */
  async ask(command: string, answer: 'relay 0' | 'uplink 0' | 'vault' | 'gone'): Promise<void> {
    this.send(command);
    try {
      // The answer comes in a later turn, so it cannot have been missed.
      const told = await this.#told(answer);
      if (told !== answer) throw new Error('it is gone');
    } catch (error) {
      throw this.#error(`did not do "${command}"`, error);
    }
  }

  /** Calls `listener` when the board is gone or this end was closed. */
  onClosed(listener: () => void): void {
    this.#socket.once('close', listener);
  }

  close(): void {
    this.#letGo();
    this.#socket.destroy();
  }

  /** Resolves with `answer`, or with `gone`, when the board tells it. */
  #told(answer: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const end = () => {
        cancel();
        this.#hear = () => {};
      };
      const cancel = this.#clock.after(ANSWER_MS, () => {
        end();
        reject(new Error(`no answer in ${ANSWER_MS} ms`));
      });
      this.#hear = (told) => {
        const refused = told.startsWith('refused ');
        if (told !== answer && told !== 'gone' && !refused) return;
        end();
        if (refused) reject(new Error(told.slice('refused '.length)));
        else resolve(told);
      };
    });
  }

  #letGo(): void {
    if (this.#commands !== undefined) closeSync(this.#commands);
    this.#commands = undefined;
  }

  #error(failure: string, cause: unknown): PortcullisError {
    const what = `The simulated board in ${this.#directory} ${failure}: ${reasonOf(cause)}.`;
    return new PortcullisError('gate.board', what, { cause });
  }
}
