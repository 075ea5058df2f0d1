import { describe, expect, it } from 'vitest';
import { configJsonSchema } from '../../daemon/config/json-schema.ts';

type Node = { [key: string]: unknown };

/** Every place in the schema, with how it was reached. */
function* walk(node: unknown, path: string): Generator<{ path: string; node: Node }> {
  if (typeof node !== 'object' || node === null) return;
  if (!Array.isArray(node)) yield { path, node: node as Node };
  for (const [key, child] of Object.entries(node)) yield* walk(child, `${path}/${key}`);
}

describe('configJsonSchema', () => {
  const schema = configJsonSchema();
  const nodes = [...walk(schema, '')];
  const properties = nodes.flatMap(({ path, node }) =>
    Object.entries((node['properties'] ?? {}) as { [key: string]: Node }).map(([key, value]) => ({
      path: `${path}/${key}`,
      value,
    })),
  );

  it('is draft 2020-12, of the top-level keys the design promises', () => {
    expect(schema['$schema']).toBe('https://json-schema.org/draft/2020-12/schema');
    expect(Object.keys(schema['properties'] as Node).sort()).toEqual(
      ['appliance', 'board', 'gate', 'windows', 'vault', 'sources', 'intake', 'web', 'notify', 'ledger'].sort(),
    );
    expect(schema['required']).toEqual(['board', 'windows', 'vault', 'sources']);
  });

  it('describes every key', () => {
    expect(properties.length).toBeGreaterThan(60);
    const bare = properties.filter(({ value }) => value['description'] === undefined).map(({ path }) => path);
    expect(bare).toEqual([]);
  });

  it('refuses unknown keys everywhere', () => {
    const objects = nodes.filter(({ node }) => node['type'] === 'object');
    expect(objects.length).toBeGreaterThan(20);
    expect(objects.filter(({ node }) => node['additionalProperties'] !== false).map(({ path }) => path)).toEqual([]);
  });

  it('knows the defaults', () => {
    const port = properties.find(({ path }) => path === '/properties/intake/port' || path === '/intake/port');
    expect(port?.value['default']).toBe(8642);
  });
});
