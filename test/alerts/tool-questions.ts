import type { Dialect, ToolCall } from '../../daemon/alerts/tool-call.ts';

/** What agents and gateways send, after the examples of their own documentation, and what is to be read in it. */
export const QUESTIONS: readonly {
  readonly from: string;
  readonly dialect: Dialect;
  readonly body: Record<string, unknown>;
  readonly call: Omit<ToolCall, 'dialect'>;
}[] = [
  {
    // code.claude.com/docs/en/hooks
    from: 'Claude Code, a shell command',
    dialect: 'claude-code',
    body: {
      session_id: 'abc123',
      transcript_path: '/home/user/.claude/projects/p/00893aaf.jsonl',
      cwd: '/home/user/my-project',
      permission_mode: 'default',
      hook_event_name: 'PreToolUse',
      tool_name: 'Bash',
      tool_input: { command: "psql -c 'SELECT * FROM users'", description: 'Query the users table', timeout: 120_000 },
      tool_use_id: 'toolu_01ABC123',
    },
    call: {
      tool: 'Bash',
      input: { command: "psql -c 'SELECT * FROM users'", description: 'Query the users table', timeout: 120_000 },
      session: 'abc123',
      cwd: '/home/user/my-project',
    },
  },
  {
    from: 'Claude Code, an MCP tool',
    dialect: 'claude-code',
    body: {
      session_id: 'abc123',
      cwd: '/p',
      hook_event_name: 'PreToolUse',
      tool_name: 'mcp__memory__create_entities',
      tool_input: { entities: [] },
    },
    call: { tool: 'mcp__memory__create_entities', input: { entities: [] }, session: 'abc123', cwd: '/p' },
  },
  {
    // openai/codex: codex-rs/hooks/src/events/pre_tool_use.rs, command_input_json
    from: 'Codex',
    dialect: 'claude-code',
    body: {
      session_id: '0199a213-81c0-7800-8aa1-bbab2a035a53',
      turn_id: 'turn-1',
      transcript_path: null,
      cwd: '/home/dev/project',
      hook_event_name: 'PreToolUse',
      model: 'gpt-5.4',
      permission_mode: 'default',
      tool_name: 'Bash',
      tool_input: { command: 'echo hello' },
      tool_use_id: 'call-1',
    },
    call: {
      tool: 'Bash',
      input: { command: 'echo hello' },
      session: '0199a213-81c0-7800-8aa1-bbab2a035a53',
      cwd: '/home/dev/project',
    },
  },
  {
    // microsoft/vscode-docs: docs/agent-customization/hooks.md
    from: 'VS Code',
    dialect: 'claude-code',
    body: {
      timestamp: '2026-02-09T10:30:00.000Z',
      cwd: '/path/to/workspace',
      sessionId: 'session-identifier',
      hookEventName: 'PreToolUse',
      transcript_path: '/path/to/transcript.json',
      tool_name: 'editFiles',
      tool_input: { files: ['src/main.ts'] },
      tool_use_id: 'tool-123',
    },
    call: {
      tool: 'editFiles',
      input: { files: ['src/main.ts'] },
      session: 'session-identifier',
      cwd: '/path/to/workspace',
    },
  },
  {
    // google-gemini/gemini-cli: docs/hooks/reference.md
    from: 'Gemini CLI',
    dialect: 'gemini',
    body: {
      session_id: 's-1',
      transcript_path: '/t.json',
      cwd: '/project',
      hook_event_name: 'BeforeTool',
      timestamp: '2026-01-01T00:00:00Z',
      tool_name: 'run_shell_command',
      tool_input: { command: 'rm -rf build' },
    },
    call: { tool: 'run_shell_command', input: { command: 'rm -rf build' }, session: 's-1', cwd: '/project' },
  },
  {
    // cursor.com/docs/hooks
    from: 'Cursor, a shell command',
    dialect: 'cursor',
    body: {
      conversation_id: '668320d2-2fd8-4888-b33c-2a466fec86e7',
      generation_id: '490b90b7-a2ce-4c2c-bb76-cb77b125df2f',
      hook_event_name: 'beforeShellExecution',
      workspace_roots: ['/Users/dev/project'],
      cursor_version: '1.7.2',
      user_email: null,
      transcript_path: null,
      command: 'git status',
      cwd: '/Users/dev/project/sub',
      sandbox: false,
    },
    call: {
      tool: 'Shell',
      input: { command: 'git status' },
      session: '668320d2-2fd8-4888-b33c-2a466fec86e7',
      cwd: '/Users/dev/project/sub',
    },
  },
  {
    from: 'Cursor, an MCP tool: its arguments are a text',
    dialect: 'cursor',
    body: {
      conversation_id: 'conv-123',
      generation_id: 'gen-456',
      hook_event_name: 'beforeMCPExecution',
      workspace_roots: ['/Users/dev/project'],
      tool_name: 'delete_bucket',
      tool_input: '{"bucket": "logs"}',
      mcp_server_name: 'aws',
      url: 'https://mcp.example.com/mcp',
    },
    call: { tool: 'delete_bucket', input: { bucket: 'logs' }, session: 'conv-123', cwd: '/Users/dev/project' },
  },
  {
    from: 'Cursor, any tool',
    dialect: 'cursor',
    body: {
      conversation_id: 'conv-123',
      hook_event_name: 'preToolUse',
      tool_name: 'Shell',
      tool_input: { command: 'npm install', working_directory: '/project' },
      cwd: '/project',
    },
    call: {
      tool: 'Shell',
      input: { command: 'npm install', working_directory: '/project' },
      session: 'conv-123',
      cwd: '/project',
    },
  },
  {
    // aws/amazon-q-developer-cli: docs/hooks.md
    from: 'Kiro, an MCP tool',
    dialect: 'kiro',
    body: {
      hook_event_name: 'preToolUse',
      cwd: '/current/working/directory',
      tool_name: '@postgres/query',
      tool_input: { sql: 'SELECT * FROM orders LIMIT 10;' },
    },
    call: {
      tool: '@postgres/query',
      input: { sql: 'SELECT * FROM orders LIMIT 10;' },
      cwd: '/current/working/directory',
    },
  },
  {
    // github/docs: content/copilot/reference/hooks-reference.md
    from: 'Copilot, arguments as an object',
    dialect: 'copilot',
    body: { sessionId: 's', timestamp: 1_704_614_600_000, cwd: '/p', toolName: 'bash', toolArgs: { command: 'ls' } },
    call: { tool: 'bash', input: { command: 'ls' }, session: 's', cwd: '/p' },
  },
  {
    from: 'Copilot, arguments as a text',
    dialect: 'copilot',
    body: {
      timestamp: 1_704_614_600_000,
      cwd: '/path/to/project',
      toolName: 'bash',
      toolArgs: '{"command":"rm -rf dist","description":"Clean build directory"}',
    },
    call: {
      tool: 'bash',
      input: { command: 'rm -rf dist', description: 'Clean build directory' },
      cwd: '/path/to/project',
    },
  },
  {
    // docs.windsurf.com/windsurf/cascade/hooks
    from: 'Windsurf, a shell command',
    dialect: 'windsurf',
    body: {
      agent_action_name: 'pre_run_command',
      trajectory_id: 'traj-123',
      execution_id: 'exec-456',
      timestamp: '2026-01-29T10:00:00Z',
      tool_info: { command_line: 'npm install package-name', cwd: '/Users/yourname/project' },
    },
    call: {
      tool: 'pre_run_command',
      input: { command: 'npm install package-name' },
      session: 'traj-123',
      cwd: '/Users/yourname/project',
    },
  },
  {
    from: 'Windsurf, an MCP tool',
    dialect: 'windsurf',
    body: {
      agent_action_name: 'pre_mcp_tool_use',
      tool_info: {
        mcp_server_name: 'github',
        mcp_tool_arguments: { owner: 'code-owner', repo: 'my-cool-repo' },
        mcp_tool_name: 'create_issue',
      },
    },
    call: { tool: 'create_issue', input: { owner: 'code-owner', repo: 'my-cool-repo' } },
  },
  {
    from: 'Windsurf, a file',
    dialect: 'windsurf',
    body: {
      agent_action_name: 'pre_write_code',
      tool_info: { file_path: '/p/file.py', edits: [{ old_string: 'a', new_string: 'b' }] },
    },
    call: {
      tool: 'pre_write_code',
      input: { file_path: '/p/file.py', edits: [{ old_string: 'a', new_string: 'b' }] },
    },
  },
  {
    // cline/cline: docs/features/hooks/hook-reference.mdx
    from: 'Cline',
    dialect: 'cline',
    body: {
      clineVersion: '3.36.0',
      hookName: 'PreToolUse',
      timestamp: '1736654400000',
      taskId: 'task-1',
      workspaceRoots: ['/work', '/other'],
      userId: 'user',
      preToolUse: { toolName: 'execute_command', parameters: { command: 'ls', requires_approval: 'false' } },
    },
    call: {
      tool: 'execute_command',
      input: { command: 'ls', requires_approval: 'false' },
      session: 'task-1',
      cwd: '/work',
    },
  },
  {
    // modelcontextprotocol.io, specification 2025-06-18, server/tools
    from: 'an MCP gateway',
    dialect: 'mcp',
    body: {
      jsonrpc: '2.0',
      id: 2,
      method: 'tools/call',
      params: { name: 'get_weather', arguments: { location: 'New York' } },
    },
    call: { tool: 'get_weather', input: { location: 'New York' } },
  },
  {
    // docker/mcp-gateway: pkg/interceptors/interceptors.go
    from: "Docker's MCP Gateway",
    dialect: 'docker-mcp',
    body: { method: 'tools/call', params: { _meta: { progressToken: 1 }, name: 'get_me', arguments: { a: 1 } } },
    call: { tool: 'get_me', input: { a: 1 } },
  },
  {
    from: 'our own form',
    dialect: 'generic',
    body: { tool: 'git push', input: { command: 'git push --force origin main' }, session: 's', cwd: '/repo' },
    call: { tool: 'git push', input: { command: 'git push --force origin main' }, session: 's', cwd: '/repo' },
  },
];
