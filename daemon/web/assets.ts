import { readdir, readFile } from 'node:fs/promises';
import { extname } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

export interface Asset {
  /** `/` for the page itself. */
  readonly url: string;
  readonly type: string;
  readonly body: Buffer;
}

/** The page's files, read once: what is served is this list, and no request ever reaches the file system. */
export async function loadAssets(directory = new URL('./page/', import.meta.url)): Promise<Asset[]> {
  const assets: Asset[] = [];
  for (const name of await readdir(directory)) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    assets.push({
      url: name === 'index.html' ? '/' : `/${name}`,
      type,
      body: await readFile(new URL(name, directory)),
    });
  }
  return assets;
}
