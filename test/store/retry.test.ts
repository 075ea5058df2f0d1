import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERROR_REGISTER, type ErrorCode, PortcullisError } from '../../daemon/base/errors.ts';
import { DirectoryStore } from '../../daemon/store/directory.ts';
import { RetryStore, retryDelay } from '../../daemon/store/retry.ts';
import type { Remover, Store } from '../../daemon/vault/store.ts';
import { storeContract } from './contract.ts';
import { hasty } from './s3-helpers.ts';

storeContract('retries around a directory', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-store-'));
  const root = join(folder, 'vault');
  await mkdir(root);
  const open = () => new RetryStore(new DirectoryStore(root), hasty);
  return {
    store: open(),
    reopen: open,
    takeAway: () => rename(root, join(folder, 'elsewhere')),
    cleanUp: () => rm(folder, { recursive: true, force: true }),
  };
});

/** A store in memory of which each operation fails as often as told, before it acts or after. */
class Shaky implements Store, Remover {
  readonly objects = new Map<string, Buffer>();
  code: ErrorCode = 'store.busy';
  failures = 0;
  after = false;
  attempts = 0;

  async put(name: string, bytes: Uint8Array): Promise<void> {
    if (!this.after) this.#shake();
    if (this.objects.has(name)) throw new PortcullisError('store.exists', `${name} is there.`);
    this.objects.set(name, Buffer.from(bytes));
    if (this.after) this.#shake();
  }
  putSoon(name: string, bytes: Uint8Array): Promise<void> {
    return this.put(name, bytes);
  }
  async settle(): Promise<void> {
    this.#shake();
  }
  async get(name: string): Promise<Buffer> {
    this.#shake();
    return this.objects.get(name) ?? Buffer.alloc(0);
  }
  async readBack(name: string): Promise<{ bytes: Buffer; direct: boolean }> {
    return { bytes: await this.get(name), direct: true };
  }
  async remove(name: string): Promise<'gone' | 'held'> {
    this.#shake();
    this.objects.delete(name);
    return 'gone';
  }
  async size(name: string): Promise<number | undefined> {
    this.#shake();
    return this.objects.get(name)?.length;
  }
  async *list(prefix: string): AsyncGenerator<{ name: string; size: number }> {
    for (const [name, { length: size }] of this.objects) {
      if (name.startsWith(prefix)) yield { name, size };
      this.#shake();
    }
  }
  #shake(): void {
    this.attempts++;
    if (this.failures-- > 0) throw new PortcullisError(this.code, 'Not now.');
  }
}

describe('retries', () => {
  const codes = Object.keys(ERROR_REGISTER) as ErrorCode[];

  it('are for what may pass, wait longer each time, and end', () => {
    expect(codes.filter((code) => retryDelay(code, 1) !== undefined)).toEqual(['store.busy', 'store.gone']);
    const delays = [1, 2, 3, 4].map((failures) => retryDelay('store.gone', failures));
    expect(delays).toEqual([250, 1000, 3000, undefined]);
  });

  it.each(['put', 'settle', 'get', 'size', 'list', 'remove'] as const)(
    '%s succeeds after three failures, and not after four',
    async (what) => {
      for (const [failures, succeeds] of [
        [3, true],
        [4, false],
      ] as const) {
        const inner = new Shaky();
        inner.objects.set('keys/one', Buffer.from('1'));
        inner.failures = failures;
        const store = new RetryStore(inner, hasty);
        const attempt = async () => {
          if (what === 'put') await store.put('keys/two', Buffer.from('2'));
          else if (what === 'list') for await (const _ of store.list('keys'));
          else await store[what]('keys/one');
        };
        if (succeeds) await attempt();
        else await expect(attempt()).rejects.toMatchObject({ code: 'store.busy' });
        // A list that went on for an object had begun anew.
        expect(inner.attempts).toBeGreaterThanOrEqual(4);
      }
    },
  );

  it('do not try again what is final, nor what is no error of ours', async () => {
    for (const code of codes.filter((each) => retryDelay(each, 1) === undefined)) {
      const inner = new Shaky();
      inner.code = code;
      inner.failures = 1;
      await expect(new RetryStore(inner, hasty).settle()).rejects.toMatchObject({ code });
      expect(inner.attempts).toBe(1);
    }
  });

  it('know their own bytes again when the answer to a put was lost, and nobody else’s', async () => {
    const inner = new Shaky();
    inner.after = true;
    inner.failures = 1;
    const store = new RetryStore(inner, hasty);
    await store.put('keys/one', Buffer.from('ours'));
    await expect(store.put('keys/one', Buffer.from('ours'))).rejects.toMatchObject({ code: 'store.exists' });
    inner.objects.set('keys/two', Buffer.from('theirs'));
    inner.after = false;
    inner.failures = 1;
    await expect(store.put('keys/two', Buffer.from('ours'))).rejects.toMatchObject({ code: 'store.exists' });
  });

  it('list every object once, wherever the list broke off', async () => {
    for (let failures = 0; failures <= 3; failures++) {
      const inner = new Shaky();
      for (const name of ['keys/a', 'keys/b', 'keys/c']) inner.objects.set(name, Buffer.from(name));
      inner.failures = failures;
      const names: string[] = [];
      for await (const { name } of new RetryStore(inner, hasty).list('keys')) names.push(name);
      expect(names).toEqual(['keys/a', 'keys/b', 'keys/c']);
    }
  });
});
