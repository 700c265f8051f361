import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blocksOf, Clone, notRun, sectionsOf } from '../support/printed.ts';

const PAGE = readFileSync(resolve(import.meta.dirname, '../../docs/tutorials.md'), 'utf8');
const SECTIONS = sectionsOf(PAGE);

let clone: Clone;
beforeAll(async () => {
  clone = await Clone.make();
});
afterAll(() => clone.end());

describe('tutorials: all of them in reading order, on a fresh clone', () => {
  it('each block prints what is shown below it', async () => {
    const [begin = ''] = /```sh\n([\s\S]*?)```/.exec(PAGE)?.slice(1) ?? [];
    const blocks = SECTIONS.flatMap((section) => blocksOf(PAGE, section));
    expect([SECTIONS.length, notRun(PAGE, SECTIONS)]).toEqual([4, []]);
    expect(blocks.length).toBe([...PAGE.matchAll(/```sh\n/g)].length - 1);
    await clone.follow([{ section: 'begin', script: begin, shown: [] }, ...blocks]);
  });
});
