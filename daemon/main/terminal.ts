import { createInterface, type Interface } from 'node:readline';
import { Writable } from 'node:stream';
import { PortcullisError } from '../base/errors.ts';

/** Questions to whoever sits at standard input, or to the lines of a pipe. Questions go to standard error: standard output may be an archive. */
export class Terminal {
  #lines: AsyncIterator<string> | undefined;
  #reader: Interface | undefined;
  #hidden = false;

  async ask(question: string, kind?: 'secret'): Promise<string> {
    this.#begin();
    if (process.stdin.isTTY) process.stderr.write(question);
    this.#hidden = kind === 'secret';
    const line = await this.#lines?.next();
    if (this.#hidden && process.stdin.isTTY) process.stderr.write('\n');
    this.#hidden = false;
    if (line === undefined || line.done === true)
      throw new PortcullisError('usage.wrong', `Standard input ended before it answered "${question.trim()}".`);
    return line.value;
  }

  /** Lets go of standard input, which keeps a process alive. */
  close(): void {
    this.#reader?.close();
  }

  #begin(): void {
    if (this.#reader !== undefined) return;
    const output = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (!this.#hidden) process.stderr.write(chunk);
        done();
      },
    });
    this.#reader = createInterface({ input: process.stdin, output, terminal: process.stdin.isTTY });
    // Ctrl-C, which readline takes for itself on a terminal.
    this.#reader.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }
}
