import { type Deed, NOTHING, type Recogniser, text } from './deed.ts';
import { spoken } from './deed-text.ts';
import { isObject } from './format.ts';

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
  'websearch',
  'write',
  'writefile',
  'writetofile',
]);
/** Arguments are looked through this deep. */
const MAX_DEPTH = 8;

/** How agents name a tool and what it is given, where somebody else passes on what they asked. */
const NAMES = ['tool', 'tool_name', 'toolName'];
const INPUTS = ['input', 'tool_input', 'toolInput', 'toolArgs'];

/**
 * The call of a tool that an agent is about to make, or made (tool-call.ts). Which argument a tool runs is known only to the
 * tool, so each text among them counts as said to a shell and to a database.
 */
export const tool: Recogniser = (value) => {
  const name = NAMES.map((key) => text(value[key])).find((found) => found !== undefined);
  const given = INPUTS.find((key) => Object.hasOwn(value, key));
  if (name === undefined || given === undefined) return NOTHING;
  const input = value[given];
  const by = text(value['session']) ?? text(value['session_id']);
  const who = { agent: true, origin: value, ...(by !== undefined && { by }) } as const;
  const root = text(value['tool']) === name && given === 'input' ? value : { tool: name, input };
  const call: Deed = { on: 'tool', root, ...who };
  if (TEXT_TOOLS.has(name.toLowerCase().replaceAll(/[_-]/g, ''))) return [call];
  const said = [...new Set(textsIn(input, 0))].flatMap((each) => spoken(each, value));
  return [call, ...said.map((deed) => ({ ...deed, ...who }))];
};

function textsIn(value: unknown, depth: number): readonly string[] {
  if (typeof value === 'string') return [value];
  if (depth === MAX_DEPTH) return [];
  if (Array.isArray(value)) {
    const words = value.every((item) => typeof item === 'string') ? [value.join(' ')] : [];
    return [...words, ...value.flatMap((item) => textsIn(item, depth + 1))];
  }
  return isObject(value) ? Object.values(value).flatMap((item) => textsIn(item, depth + 1)) : [];
}
