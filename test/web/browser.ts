import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** Debian's Chromium, where it is installed. */
export const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path));

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--hide-scrollbars',
  '--remote-debugging-pipe',
];

type Reply = { result?: unknown; error?: { message: string } };

/** One page in a real browser, driven over the DevTools protocol's pipe. */
export class Browser {
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  /** Whatever the page complained about: exceptions, console errors, refused content. */
  readonly complaints: string[] = [];
  #session = '';
  #ids = 0;

  private constructor(child: ChildProcess, profile: string) {
    this.#child = child;
    this.#profile = profile;
    let rest = '';
    (child.stdio[4] as Readable).setEncoding('utf8').on('data', (chunk: string) => {
      const messages = (rest + chunk).split('\0');
      rest = messages.pop() ?? '';
      for (const message of messages) this.#receive(JSON.parse(message));
    });
  }

  static async launch(): Promise<Browser> {
    const profile = await mkdtemp(join(tmpdir(), 'portcullis-browser-'));
    const child = spawn(CHROMIUM ?? 'chromium', [...FLAGS, `--user-data-dir=${profile}`], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    const browser = new Browser(child, profile);
    const { targetId } = (await browser.send('Target.createTarget', { url: 'about:blank' })) as { targetId: string };
    const attached = await browser.send('Target.attachToTarget', { targetId, flatten: true });
    browser.#session = (attached as { sessionId: string }).sessionId;
    for (const domain of ['Page', 'Runtime', 'Log']) await browser.send(`${domain}.enable`);
    return browser;
  }

  send(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#ids;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result);
        else reject(new Error(`${method}: ${error.message}`));
      });
      const session = this.#session === '' ? {} : { sessionId: this.#session };
      (this.#child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    });
  }

  async open(url: string, width: number, height: number, scheme: 'light' | 'dark' = 'light'): Promise<void> {
    await this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 500 });
    await this.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
    await this.send('Page.navigate', { url });
  }

  /** The value of a JavaScript expression in the page; a promise is awaited. */
  async evaluate(expression: string): Promise<unknown> {
    const evaluated = await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    const { result, exceptionDetails } = evaluated as {
      result: { value?: unknown };
      exceptionDetails?: { text: string };
    };
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${exceptionDetails.text}`);
    return result.value;
  }

  /** Resolves once the expression is true in the page; looks at it on every frame. */
  async until(expression: string, timeoutMs = 20_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const look = `new Promise((done) => requestAnimationFrame(() => done(Boolean(${expression}))))`;
      // The page may be between two documents.
      if (await this.evaluate(look).catch(() => false)) return;
      if (performance.now() > deadline) throw new Error(`never became true in the page: ${expression}`);
    }
  }

  /** PNG of the whole page. */
  async screenshot(): Promise<Buffer> {
    const shot = await this.send('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true });
    return Buffer.from((shot as { data: string }).data, 'base64');
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #receive(message: { id?: number; method?: string; params?: unknown } & Reply): void {
    if (message.id !== undefined) {
      this.#waiting.get(message.id)?.(message);
      this.#waiting.delete(message.id);
      return;
    }
    if (message.method === 'Runtime.exceptionThrown' || message.method === 'Log.entryAdded')
      this.complaints.push(JSON.stringify(message.params));
    if (message.method === 'Runtime.consoleAPICalled') {
      const { type } = message.params as { type: string };
      if (type === 'error' || type === 'warning') this.complaints.push(JSON.stringify(message.params));
    }
  }
}
