import { deed, NOTHING, type Recogniser, text } from './deed.ts';
import { isCommandKey, spoken } from './deed-text.ts';
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
const MAX_DEPTH = 64;

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
  const root = text(value['tool']) === name && given === 'input' ? value : { tool: name, input };
  const call = deed('tool', root, { by: [value['session'], value['session_id']], agent: true, origin: value });
  if (TEXT_TOOLS.has(name.toLowerCase().replaceAll(/[_-]/g, ''))) return [call];
  const said = textsIn(input, value, 0).flatMap(({ said: each, by: container }) => spoken(each, container));
  return [call, ...said];
};

interface Said {
  readonly said: string;
  /** What holds it. */
  readonly by: object;
}

/** All texts of the arguments but those that are told to a shell by what they are called (deed-text.ts). */
function textsIn(value: unknown, holder: object, depth: number): readonly Said[] {
  if (typeof value === 'string') return [{ said: value, by: holder }];
  if (depth === MAX_DEPTH) return [];
  if (Array.isArray(value)) {
    if (value.every((item) => typeof item === 'string')) return [{ said: value.join(' '), by: holder }];
    return value.flatMap((item) => textsIn(item, holder, depth + 1));
  }
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => (isCommandKey(key) ? [] : textsIn(item, value, depth + 1)));
}
