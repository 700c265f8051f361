import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Block, blocksOf, Clone, expectShown, killAll, notRun, PORT } from '../support/printed.ts';

const README = readFileSync(resolve(import.meta.dirname, '../../README.md'), 'utf8');
/** Sections that a reader can do with Node and what the system suite has, in the order in which they stand there. */
const SECTIONS = ['Run it', 'Kill it', 'Break it', 'Use it for real', 'Over TLS, a Unix socket, compressed'];
/** Those whose output another test holds, and why not this one. */
const ELSEWHERE = {
  'Check the specification': 'TLC is fetched, needs Java and Maven, and takes hours: test/conformance/shown.test.ts',
};

let clone: Clone;
beforeAll(async () => {
  clone = await Clone.make();
});
afterAll(() => clone.end());

describe('README: what a reader can do, in reading order, on a fresh clone', () => {
  const [first, ...rest] = SECTIONS.flatMap((section) => blocksOf(README, section));

  it('has a block and its output for each step', () => {
    expect(first?.script.trim()).toBe('npm ci && npm start');
    expect(new Set(rest.map(({ section }) => section))).toEqual(new Set(SECTIONS.slice(1)));
  });

  it('is run whole: a section with commands or output that no test knows of fails here', () => {
    expect(notRun(README, SECTIONS)).toEqual(Object.keys(ELSEWHERE));
    const more = '\n## More\n\n```sh\nmailbox --version\n```\n\n```console\n0.1.0\n```\n';
    expect(notRun(README + more, SECTIONS)).toContain('More');
    // Commands whose output is not shown, and output of no commands, are not run either.
    const half = README.replace('\n## Use it for real\n', '$&\n```console\nshown\n```\n');
    expect(notRun(half, SECTIONS)).toContain('Use it for real');
    expect(notRun(half.replace('```console\nshown', '```sh\ntrue'), SECTIONS)).toContain('Use it for real');
  });

  it('Run it: what npm start prints can be pasted, and gives what is shown', async () => {
    const { script, shown } = first as Block;
    const started = clone.shell(clone.own(script));
    await expect.poll(() => started.err, { timeout: 120_000 }).toMatch(/\n\n$/);
    const pasted = clone.shell(started.err.slice(started.err.indexOf('export MAILBOX_URL=')));
    await pasted.ended;
    // Ctrl-C reaches all of them.
    killAll(started.child.pid as number, 'SIGINT');
    await started.ended;
    expect(pasted.err).toBe('');
    expectShown(
      pasted.out,
      shown.filter((line) => !/^[$#]/.test(line)),
      'Run it',
    );
    expect(started.out).toContain('"event":"server.stopped"');
  });

  it('the rest, in one shell: a kept key, kill -9, the journal, the simulator, settings, TLS, a Unix socket (S1, S4, D3, K1)', async () => {
    await clone.follow(rest);
  });

  it('the check of TLS 1.2 says nothing when there is no server', () => {
    const line = README.split('\n').find((text) => text.includes('-tls1_2')) as string;
    expect(line).toContain(PORT);
    mkdirSync(join(clone.folder, 'nowhere'));
    const { stdout, status } = spawnSync('sh', ['-c', line.replace(PORT, '1')], { encoding: 'utf8' });
    expect([stdout, status]).toEqual(['', 1]);
  });
});
