import { nameOf, type RecreateReport } from './recreate.ts';
import type { Plan, Step } from './recreate-plan.ts';

/** A plan for somebody to read before it is carried out, line by line. */
export function planLines(plan: Plan): string[] {
  const { target, steps, there, impossible } = plan;
  return [
    steps.length === 0 ? `Nothing is missing in ${target}.` : `To be made in ${target}:`,
    ...steps.map((step) => `  ${wordsOf(step)}`),
    ...(there.length === 0 ? [] : [`There already, and left as it is: ${there.length}`]),
    ...there.map((what) => `  ${what}`),
    ...(impossible.length === 0 ? [] : ['Cannot be made:']),
    ...impossible.map(({ what, reason }) => `  ${what}: ${reason}`),
  ];
}

export function reportLines(report: RecreateReport): string[] {
  const { target, webUrl, made, there, failed, limits } = report;
  return [
    `Made in ${target}${webUrl === undefined ? '' : ` (${webUrl})`}: ${made.length}`,
    ...made.map((what) => `  ${what}`),
    `There already, and left as it was: ${there.length}`,
    ...there.map((what) => `  ${what}`),
    ...(failed.length === 0 ? [] : [`Could not be made: ${failed.length}`]),
    ...failed.map(({ what, reason }) => `  ${what}: ${reason}`),
    'Not as it was:',
    ...limits.map((limit) => `  ${limit}`),
  ];
}

function wordsOf(step: Step): string {
  switch (step.kind) {
    case 'push':
      return `push ${nameOf(step)}; nothing is overwritten`;
    case 'issue': {
      const what = step.handle === undefined ? nameOf(step) : `the rest of issue ${step.number}, here ${step.handle}`;
      const comments = step.comments.length === 0 ? '' : `, ${step.comments.length} comments`;
      return `${what}${comments}${step.close ? ', then closed' : ''}: ${step.title.replace(/\p{Cc}+/gu, ' ')}`;
    }
    case 'release':
      return `${nameOf(step)}${step.files === 0 ? '' : `, ${step.files} files`}`;
    case 'repository':
    case 'label':
    case 'milestone':
    case 'variable':
      return nameOf(step);
    default:
      return step satisfies never;
  }
}
