import { afterEach, describe, expect, test } from 'vitest';
import { Secret } from '../../daemon/base/secret.ts';
import type { IntakeSource } from '../../daemon/intake/ports.ts';
import { authorized, type Bench, bench, post, prometheus, TOKEN } from './helpers.ts';

const agent: IntakeSource = {
  name: 'agent',
  format: 'tool-hook',
  auth: { scheme: 'bearer', secrets: [Secret.fromText(TOKEN)] },
  rules: [
    {
      id: 'wipes',
      on: 'command',
      act: 'trip',
      reason: 'A database is wiped.',
      when: { path: ['text'], op: 'contains', value: 'wipe-database' },
    },
  ],
  unknown: 'trip',
};

let open: Bench | undefined;
afterEach(async () => {
  await open?.stop();
  open = undefined;
});
async function start(sources: readonly IntakeSource[] = [agent, prometheus]): Promise<Bench> {
  open = await bench({ sources, maxBody: 65_536 });
  return open;
}

const claude = (command: string) =>
  JSON.stringify({
    session_id: 'abc',
    cwd: '/home/x',
    hook_event_name: 'PreToolUse',
    tool_name: 'Bash',
    tool_input: { command },
  });

describe('a question before a tool runs', () => {
  test('about a destructive call trips first, and is refused in the form of who asks', async () => {
    const { port, gate, delivered } = await start();
    const answer = await post(port, '/tools/agent', authorized, claude('wipe-database --all'));
    expect(answer.status).toBe(200);
    expect(answer.head).toMatch(/^portcullis-decision: deny/im);
    expect(answer.body).toMatchObject({
      hookSpecificOutput: {
        hookEventName: 'PreToolUse',
        permissionDecision: 'deny',
        permissionDecisionReason:
          'Portcullis has isolated the vault and refuses this call: A database is wiped. (rule wipes)',
      },
    });
    expect(gate.causes).toEqual([{ kind: 'alert', reason: 'A database is wiped.', source: 'agent', rule: 'wipes' }]);
    expect(await delivered()).toMatchObject({ outcome: 'tripped', rule: 'wipes' });
  });

  test('about any other call is neither refused nor approved', async () => {
    const { port, gate, delivered } = await start();
    const answer = await post(port, '/tools/agent', authorized, claude('ls -la'));
    expect(answer).toMatchObject({ status: 200, text: '{}' });
    expect(answer.head).toMatch(/^portcullis-decision: none/im);
    expect(gate.causes).toEqual([]);
    expect(await delivered()).toMatchObject({ outcome: 'matched-none' });
  });

  test('is refused with 200 also when the gate does not answer, or has no durable lockout', async () => {
    const { port, gate, delivered } = await start();
    gate.failure = new Error('gone');
    const answer = await post(port, '/tools/agent', authorized, claude('wipe-database'));
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('"deny"');
    expect(answer.text).not.toContain('has isolated');
    expect(await delivered()).toMatchObject({ outcome: 'failed', detail: expect.stringContaining('gone') });
    gate.failure = undefined;
    gate.durable = false;
    expect((await post(port, '/tools/agent', authorized, claude('wipe-database'))).text).toContain('"deny"');
  });

  test('of a gateway that takes any body for a result has no body when there is no objection', async () => {
    const { port } = await start();
    const call = (text: string) =>
      JSON.stringify({ method: 'tools/call', params: { name: 'run', arguments: { text } } });
    expect(await post(port, '/tools/agent', authorized, call('ls'))).toMatchObject({
      status: 200,
      length: 0,
      text: '',
    });
    const refused = await post(port, '/tools/agent', authorized, call('wipe-database'));
    expect(refused.body).toMatchObject({ isError: true });
  });

  test('finds the command under whatever name a tool calls it, and not in text that is only written', async () => {
    const { port, gate } = await start();
    const ask = (tool: string, input: unknown) =>
      post(port, '/tools/agent', authorized, JSON.stringify({ tool, input }));
    expect((await ask('mcp__db__do', { nested: [{ q: 'wipe-database' }] })).body).toMatchObject({ allow: false });
    expect((await ask('exec', { argv0: ['wipe-database', '--all'] })).body).toMatchObject({ allow: false });
    expect(gate.causes).toHaveLength(2);
    expect((await ask('Write', { file_path: 'a.sh', content: 'wipe-database' })).body).toEqual({});
    expect(gate.causes).toHaveLength(2);
  });

  test('that is not understood goes by the policy of its source', async () => {
    const { port, gate } = await start();
    const strange = await post(port, '/tools/agent', authorized, '{"what":"is this"}');
    expect(strange.body).toMatchObject({ allow: false, reason: expect.stringContaining('was not understood') });
    expect((await post(port, '/tools/agent', authorized, 'not json')).body).toMatchObject({ allow: false });
    expect((await post(port, '/tools/agent', authorized, claude('x'.repeat(70_000)))).status).toBe(200);
    expect(gate.causes).toHaveLength(3);
    await open?.stop();
    const { port: other, gate: calm } = await start([{ ...agent, unknown: 'ignore' }]);
    expect((await post(other, '/tools/agent', authorized, '{"what":"is this"}')).body).toEqual({});
    expect(calm.causes).toEqual([]);
  });

  test('without the token, or to a source of another kind, is refused as strangers are', async () => {
    const { port, gate } = await start();
    for (const [path, headers] of [
      ['/tools/agent', {}],
      ['/tools/agent', { authorization: 'Bearer wrong' }],
      ['/tools/prometheus', authorized],
      ['/tools/nobody', authorized],
    ] as const)
      expect(await post(port, path, headers, claude('wipe-database'))).toMatchObject({
        status: 401,
        text: '{"status":"Unauthorized"}',
      });
    expect(gate.causes).toEqual([]);
  });

  test('posted as an alert trips as well', async () => {
    const { port, gate } = await start();
    const answer = await post(port, '/alerts/agent', authorized, claude('wipe-database'));
    expect(answer.body).toMatchObject({ tripped: true });
    expect(gate.causes).toHaveLength(1);
  });
});
