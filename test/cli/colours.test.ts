import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { coloured, showsColours } from '../../src/cli/colours.ts';

const stream = (isTTY: boolean) => Object.assign(new Writable(), { isTTY });

describe('colours', () => {
  it('on a terminal; none in a pipe, under NO_COLOR or on a dumb terminal', () => {
    expect(showsColours(stream(true), { TERM: 'xterm' })).toBe(true);
    expect(showsColours(stream(true), { NO_COLOR: '' })).toBe(true);
    expect(showsColours(stream(false), { TERM: 'xterm' })).toBe(false);
    expect(showsColours(stream(true), { NO_COLOR: '1' })).toBe(false);
    expect(showsColours(stream(true), { TERM: 'dumb' })).toBe(false);
  });

  it('the word that is asked for, once, and nothing else of the line', () => {
    expect(coloured('01M8  dead_lettered  key-dead_lettered', 'dead_lettered')).toBe(
      '01M8  \u001b[31mdead_lettered\u001b[0m  key-dead_lettered',
    );
    expect(coloured('E_LEASE_LOST: over', 'E_LEASE_LOST')).toBe('\u001b[31mE_LEASE_LOST\u001b[0m: over');
    for (const word of ['', 'odd', 'acked']) expect(coloured('01M8  queued', word)).toBe('01M8  queued');
  });
});
