import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Dialect } from '../../daemon/alerts/tool-call.ts';
import { answer, recognise, type ToolDecision } from '../../daemon/alerts/tool-hooks.ts';
import { QUESTIONS } from './tool-questions.ts';

const REASON = 'An agent deletes a bucket.';
const denied: ToolDecision = { kind: 'deny', reason: REASON };
const none: ToolDecision = { kind: 'none' };
const sample = (dialect: Dialect) => QUESTIONS.find((question) => question.dialect === dialect)?.body ?? {};
const DIALECTS = [...new Set(QUESTIONS.map(({ dialect }) => dialect))];

const CLAUDE = {
  hookSpecificOutput: {
    hookEventName: 'PreToolUse',
    permissionDecision: 'deny',
    permissionDecisionReason: REASON,
  },
};
const DENIALS: Readonly<Record<Dialect, object>> = {
  'claude-code': CLAUDE,
  cline: { cancel: true, errorMessage: REASON },
  copilot: { permissionDecision: 'deny', permissionDecisionReason: REASON },
  cursor: { permission: 'deny', user_message: REASON, agent_message: REASON },
  'docker-mcp': { content: [{ type: 'text', text: REASON }], isError: true },
  gemini: { decision: 'deny', reason: REASON },
  generic: { allow: false, reason: REASON },
  kiro: { decision: 'deny', reason: REASON },
  mcp: { jsonrpc: '2.0', id: 2, error: { code: -32003, message: REASON } },
  windsurf: { decision: 'deny', reason: REASON },
};

describe.each(QUESTIONS)('$from', ({ dialect, body, call }) => {
  test('is recognised, with its tool and its arguments', () => {
    expect(recognise(body)).toEqual({ dialect, calls: [{ dialect, ...call }] });
  });

  test('without its tool it is not understood', () => {
    const emptied = JSON.stringify(body).replaceAll(
      /"(tool_name|toolName|tool|name|command|command_line|mcp_tool_name|tool_info)":/g,
      '"other":',
    );
    expect(recognise(JSON.parse(emptied))).toBeUndefined();
  });
});

describe('what an agent writes into the arguments', () => {
  const holder = (body: Record<string, unknown>) =>
    ['tool_input', 'toolArgs', 'input'].map((key) => body[key]).find((input) => isRecord(input));

  test.each(QUESTIONS.filter(({ body }) => holder(body) !== undefined))(
    'never changes $from',
    ({ body, dialect, call }) => {
      const strange = structuredClone(body);
      // Keys of every dialect, one level below where they mean something.
      Object.assign(holder(strange) ?? {}, ...QUESTIONS.map((other) => other.body));
      expect(recognise(strange)?.calls).toMatchObject([{ dialect, tool: call.tool }]);
    },
  );
});

describe('a denial', () => {
  test.each(DIALECTS)('of %s is said in its own form', (dialect) => {
    expect(answer(dialect, sample(dialect), denied)).toEqual({
      status: 200,
      headers: { 'portcullis-decision': 'deny' },
      body: DENIALS[dialect],
    });
  });

  // Codex runs the tool if the reason is blank.
  test.each(DIALECTS)('of %s has a reason, if none was given', (dialect) => {
    const said = JSON.stringify(answer(dialect, sample(dialect), { kind: 'deny', reason: ' \n' }).body);
    expect(said).toContain('Portcullis denied this call.');
  });
});

describe('no objection', () => {
  test('of each dialect is what leaves the decision to the agent and its user', () => {
    const said = Object.fromEntries(DIALECTS.map((dialect) => [dialect, answer(dialect, sample(dialect), none)]));
    const quiet = { status: 200, headers: { 'portcullis-decision': 'none' }, body: {} };
    expect(said).toEqual({
      'claude-code': quiet,
      cline: { ...quiet, body: { cancel: false } },
      copilot: quiet,
      cursor: quiet,
      'docker-mcp': { status: 200, headers: quiet.headers },
      gemini: quiet,
      generic: quiet,
      kiro: quiet,
      mcp: quiet,
      windsurf: quiet,
    });
  });

  test.each(DIALECTS)('of %s approves nothing', (dialect) => {
    expect(JSON.stringify(answer(dialect, sample(dialect), none))).not.toMatch(/allow|approve|result|permission/i);
  });
});

describe('messages of the Model Context Protocol', () => {
  const call = (id: unknown, name = 'delete_repo') => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name } });
  const error = { code: -32003, message: REASON };

  test('that call no tool are understood, and ask nothing', () => {
    for (const message of [
      { jsonrpc: '2.0', id: 1, method: 'tools/list' },
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 1, result: { tools: [] } },
      { jsonrpc: '2.0', id: 1, error: { code: -1, message: 'no' } },
    ]) {
      expect(recognise(message)).toEqual({ dialect: 'mcp', calls: [] });
    }
  });

  test('in a batch are all read', () => {
    const batch = [{ jsonrpc: '2.0', id: 1, method: 'tools/list' }, call(2, 'a'), call(3, 'b')];
    expect(recognise(batch)?.calls.map(({ tool }) => tool)).toEqual(['a', 'b']);
  });

  test('a batch with one message that is not understood is not understood', () => {
    for (const stranger of [42, null, [call(1)], {}, { method: 5 }, { method: 'tools/call', params: { name: 7 } }]) {
      expect(recognise([call(1), stranger])).toBeUndefined();
    }
    expect(recognise([])).toBeUndefined();
  });

  test('a batch is denied as a whole: each request gets its error, notifications and answers none', () => {
    const batch = [
      call('x'),
      { jsonrpc: '2.0', id: 9, method: 'tools/list' },
      { jsonrpc: '2.0', method: 'n' },
      { jsonrpc: '2.0', id: 5, result: {} },
    ];
    expect(answer('mcp', batch, denied).body).toEqual([
      { jsonrpc: '2.0', id: 'x', error },
      { jsonrpc: '2.0', id: 9, error },
    ]);
  });

  test('a denied notification is answered under no id, because silence would let it run', () => {
    const silent = { jsonrpc: '2.0', method: 'tools/call', params: { name: 'delete_repo' } };
    expect(answer('mcp', silent, denied).body).toEqual({ jsonrpc: '2.0', id: null, error });
    expect(answer('mcp', [silent], denied).body).toEqual({ jsonrpc: '2.0', id: null, error });
    expect(answer('mcp', call({ odd: true }), denied).body).toEqual({ jsonrpc: '2.0', id: null, error });
  });

  test('a batch beyond all measure is denied with one error', () => {
    const errorsFor = (length: number) =>
      answer(
        'mcp',
        Array.from({ length }, (_, id) => call(id)),
        denied,
      ).body;
    expect(errorsFor(1000)).toHaveLength(1000);
    expect(errorsFor(1001)).toEqual({ jsonrpc: '2.0', id: null, error });
  });

  test('cannot pass for a question of another dialect', () => {
    for (const { dialect, body } of QUESTIONS) {
      expect([dialect, recognise({ ...body, ...call(1) })?.dialect]).toEqual([dialect, 'mcp']);
      const interceptor = { ...body, method: 'tools/call', params: { name: 'delete_repo' } };
      expect(recognise(interceptor)?.calls).toMatchObject([
        { tool: dialect === 'mcp' ? 'delete_repo' : 'delete_repo' },
      ]);
    }
  });
});

describe('bodies that are none of these', () => {
  test.each([
    ['nothing', undefined],
    ['null', null],
    ['a number', 0],
    ['a text', 'PreToolUse'],
    ['an empty object', {}],
    ['an alert', { version: '4', alerts: [] }],
    ['another event', { hook_event_name: 'SessionStart', session_id: 's', cwd: '/p' }],
    ['what has already run', { ...sample('claude-code'), hook_event_name: 'PostToolUse' }],
    ['an event of another type', { hook_event_name: ['PreToolUse'], tool_name: 'Bash', tool_input: {} }],
    ['a tool of another type', { hook_event_name: 'PreToolUse', tool_name: ['Bash'], tool_input: {} }],
    ['a tool without arguments', { tool: 'git push' }],
    ['a hook after the act', { agent_action_name: 'post_run_command', tool_info: { command_line: 'ls' } }],
    ['a list of questions', [sample('claude-code')]],
  ])('%s', (_name, body) => {
    expect(recognise(body)).toBeUndefined();
  });

  test('session and directory of another type are left out', () => {
    const body = { ...sample('claude-code'), session_id: 7, cwd: { a: 1 }, tool_input: undefined };
    expect(recognise(body)?.calls).toEqual([{ dialect: 'claude-code', tool: 'Bash', input: undefined }]);
  });

  test('arguments in a text that is no object stay a text', () => {
    for (const text of ['', '{', '[1]', '"x"', 'rm -rf /', '1e999', '['.repeat(100_000)]) {
      expect(recognise({ toolName: 'bash', toolArgs: text })?.calls[0]?.input).toBe(text);
    }
  });

  test('large and deep ones are read', () => {
    const deep: unknown = JSON.parse(`${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`);
    const command = `${'x'.repeat(1 << 20)}; rm -rf /`;
    expect(recognise({ tool: 't', input: deep })?.calls).toHaveLength(1);
    expect(recognise({ ...sample('cursor'), command })?.calls[0]?.input).toEqual({ command });
    expect(recognise(Array.from({ length: 50_000 }, (_, id) => ({ ...sample('mcp'), id })))?.calls).toHaveLength(
      50_000,
    );
  });
});

test('every JSON value is answered for, and nothing that is recognised lacks a tool', () => {
  const keys = [...new Set(QUESTIONS.flatMap(({ body }) => Object.keys(body))), '__proto__', 'constructor'];
  const scalars = QUESTIONS.flatMap(({ body }) => Object.values(body)).filter((value) => typeof value === 'string');
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom(...scalars), fc.constantFrom(...QUESTIONS.map((q) => q.body)));
  const near = fc
    .tuple(fc.constantFrom(...QUESTIONS.map(({ body }) => body)), fc.dictionary(fc.constantFrom(...keys), value))
    .map(([body, changes]) => ({ ...body, ...changes }));
  const body = fc.oneof(fc.jsonValue(), near, fc.array(near, { maxLength: 4 }));
  fc.assert(
    fc.property(body, fc.constantFrom(...DIALECTS), fc.string(), (some, dialect, reason) => {
      const parsed: unknown = JSON.parse(JSON.stringify(some));
      const before = JSON.stringify(parsed);
      const request = recognise(parsed);
      for (const call of request?.calls ?? []) {
        expect(typeof call.tool).toBe('string');
        expect(call.dialect).toBe(request?.dialect);
      }
      for (const decision of [none, { kind: 'deny', reason } as const]) {
        for (const spoken of [dialect, request?.dialect ?? 'generic']) {
          const { status, headers, body: said } = answer(spoken, parsed, decision);
          expect([status, headers]).toEqual([200, { 'portcullis-decision': decision.kind }]);
          if (decision.kind === 'deny') expect(typeof said).toBe('object');
        }
      }
      expect(JSON.stringify(parsed)).toBe(before);
    }),
    { numRuns: 2000 },
  );
});

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
