import { describe, expect, it } from 'vitest';
import { ledFor } from '../../daemon/gate/led.ts';
import { Story } from './driver.ts';

const led = (story: Story) => ledFor(story.state, story.now);

describe('the LED', () => {
  it('is steady green only for a fresh reading that proves the link dead', () => {
    const story = new Story();
    expect(led(story)).toBe('steady-green');
    story.now += 999;
    expect(led(story)).toBe('steady-green');
    story.now += 1;
    expect(led(story)).toBe('slow-yellow');
    story.tick(0, { contact: 'unknown', device: 'unknown' });
    expect(led(story)).toBe('slow-yellow');
    story.tick(0, { contact: 'dead', device: 'alive' });
    expect(led(story)).toBe('slow-yellow');
    story.tick(0, { contact: 'dead', device: 'unknown' });
    expect(led(story)).toBe('steady-green');
  });

  it('asks for attention when the keeper does, or is not there', () => {
    const story = new Story();
    story.does({
      type: 'report',
      report: { holder: 1, clockTrusted: true, blocks: [], attention: ['overdue'], proofs: {} },
    });
    expect(led(story)).toBe('slow-yellow');
    story.does({ type: 'holder-gone', holder: 1 });
    expect(led(story)).toBe('slow-yellow');
  });

  it('shows connecting and connected, and not isolated before it is', () => {
    const story = new Story();
    story.ask();
    expect(led(story)).toBe('steady-green');
    if (story.state.link.kind === 'charging')
      story.does({ type: 'charged', session: story.state.link.session.id, ok: true });
    expect(led(story)).toBe('slow-white');
    story.tick();
    expect(led(story)).toBe('slow-white');
    story.does({ type: 'release', holder: 1, reason: 'done' });
    expect(led(story)).toBe('slow-yellow');
  });

  it('shows lockout and fault, and over both that a person is awaited', () => {
    const story = new Story();
    story.trip();
    expect(led(story)).toBe('fast-red');
    story.does({ type: 'board-failed', reason: 'dead' });
    expect(led(story)).toBe('triple-red');
    story.request('reset');
    expect(led(story)).toBe('double-blink-blue');
  });
});
