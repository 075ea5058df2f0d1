import { describe, expect, it } from 'vitest';
import { markOf, readMark } from '../../daemon/forges/writer.ts';

describe('a mark', () => {
  const issue = markOf('acme/app', 'issues/12');
  const comment = markOf('acme/app', 'issues/12/comments/line-5');

  it.each([
    ['at the beginning', `${issue}\nText`],
    ['alone', issue],
    ['on the last line', `Text\n\n${issue}`],
    ['on the last line, with what editors leave behind it', `Text\r\n${issue}\r\n`],
  ])('counts %s', (_, body) => {
    expect(readMark(body)).toEqual({ text: issue, issue: 12 });
  });

  it('says of a comment which it is', () => {
    expect(readMark(`${comment}\nText`)).toEqual({ text: comment, issue: 12, comment: 'line-5' });
  });

  it.each([
    ['in the middle', `Text\n${issue}\nmore`],
    ['within a line', `See ${issue}`],
    ['of another kind', '<!-- portcullis: unfinished -->'],
    ['none', 'Text'],
  ])('does not count %s', (_, body) => {
    expect(readMark(body)).toBeUndefined();
  });
});
