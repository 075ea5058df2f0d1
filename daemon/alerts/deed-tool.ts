import { type Deed, NOTHING, type Recogniser, text } from './deed.ts';
import { isForShell, spoken } from './deed-text.ts';
import { isObject, type JsonObject } from './format.ts';

/**
 * Tools that write text into files or look for it: what they are given is what stands there, not what is done. Compared
 * without case, _ and -.
 */
const TEXT_TOOLS = new Set([
  'applypatch',
  'create',
  'createfile',
  'edit',
  'editfile',
  'exitplanmode',
  'fileread',
  'filewrite',
  'fswrite',
  'glob',
  'grep',
  'grepsearch',
  'inserteditintofile',
  'multiedit',
  'notebookedit',
  'read',
  'readfile',
  'replace',
  'replaceinfile',
  'searchfiles',
  'strreplace',
  'strreplaceeditor',
  'task',
  'todowrite',
  'webfetch',
  'websearch',
  'write',
  'writefile',
  'writetofile',
]);
/** Arguments are looked through this deep. */
const MAX_DEPTH = 64;

/** How agents name a tool and what it is given, where somebody else passes on what they asked. */
const NAMES = ['tool', 'tool_name', 'toolName'];
const INPUTS = ['input', 'tool_input', 'toolInput', 'toolArgs'];

/**
 * The call of a tool that an agent is about to make, or made (tool-call.ts). Which argument a tool runs is known only to the
 * tool, so each text among them counts as said to a shell and to a database.
 */
export const tool: Recogniser = (value) => {
  const { name, input } = callOf(value);
  if (name === undefined || input === undefined) return NOTHING;
  const by = text(value['session']) ?? text(value['session_id']);
  const who = { agent: true, origin: value, ...(by !== undefined && { by }) } as const;
  const root = text(value['tool']) === name && value['input'] === input ? value : { tool: name, input };
  const call: Deed = { on: 'tool', root, ...who };
  if (isForText(name)) return [call];
  const said = [...new Set(textsIn(input, 0))].flatMap((each) => spoken(each, value));
  return [call, ...said.map((deed) => ({ ...deed, ...who }))];
};

function callOf(value: JsonObject): { readonly name: string | undefined; readonly input: unknown } {
  const { method, params } = value;
  // https://modelcontextprotocol.io/specification/2025-06-18/server/tools
  if (method === 'tools/call' && isObject(params))
    return { name: text(params['name']), input: params['arguments'] ?? {} };
  const given = INPUTS.find((key) => Object.hasOwn(value, key));
  return {
    name: NAMES.map((key) => text(value[key])).find((found) => found !== undefined),
    input: given === undefined ? undefined : value[given],
  };
}

function isForText(name: string): boolean {
  return TEXT_TOOLS.has(name.toLowerCase().replaceAll(/[_-]/g, ''));
}

/** Of the call of a tool for text what the tool is given: words about acts, and no act. Undefined for anything else. */
export function textInput(value: JsonObject): unknown {
  const { name, input } = callOf(value);
  return name !== undefined && isForText(name) ? input : undefined;
}

/** All texts of the arguments but those that are told to a shell by what they are called (deed-text.ts). */
function textsIn(value: unknown, depth: number): readonly string[] {
  if (typeof value === 'string') return [value];
  if (depth === MAX_DEPTH) return [];
  if (Array.isArray(value)) {
    if (value.every((item) => typeof item === 'string')) return [value.join(' ')];
    return value.flatMap((item) => textsIn(item, depth + 1));
  }
  if (!isObject(value)) return [];
  // Those under the keys of commands are found by themselves when the walk comes to them.
  return Object.entries(value).flatMap(([key, item]) => (isForShell(key, item) ? [] : textsIn(item, depth + 1)));
}
