import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEAD_REASONS } from '../../spec/vocabulary.ts';
import { runMany } from '../support/process.ts';
import { isHere } from '../support/programs.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
const folder = mkdtempSync(join(tmpdir(), 'completion-'));
const file = (shell: string): string => join(folder, `mailbox.${shell}`);
beforeAll(async () => {
  const printed = await runMany(SHELLS.map((shell) => ['completion', shell]));
  for (const [i, shell] of SHELLS.entries()) writeFileSync(file(shell), (printed[i] as { out: string }).out);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What bash would offer after these words, of which the last is being written. */
function inBash(...words: readonly string[]): string[] {
  const script = `
    source ${file('bash')}
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    _mailbox
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', script, 'bash', 'mailbox', ...words]);
  expect(stderr.toString()).toBe('');
  return stdout
    .toString()
    .split('\n')
    .filter((line) => line !== '');
}

describe('completion (wire.md, command line)', () => {
  it('bash: commands, those below them, options, and values that are known', () => {
    expect(inBash('')).toEqual(
      expect.arrayContaining(['serve', 'send', 'recv', 'sim', 'journal', 'completion', '--version']),
    );
    expect(inBash('se')).toEqual(['serve', 'send']);
    expect(inBash('journal', 've')).toEqual(['verify']);
    expect(inBash('sim', 'run', 'crash-')).toEqual(['crash-loop', 'crash-restart']);
    expect(inBash('sim', 'run', 'crash-loop', '--rep')).toEqual(['--report']);
    expect(inBash('explain', 'E_DUP')).toEqual(['E_DUPLICATE']);
    expect(inBash('dlq', 'list', 't', '--reason', '')).toEqual([...DEAD_REASONS]);
    expect(inBash('completion', '')).toEqual(expect.arrayContaining([...SHELLS]));
    expect(inBash('serve', '--dat')).toEqual(['--data']);
    expect(inBash('serve', '--profile', 'mi')).toEqual(['micronode']);
  });

  it('bash: after an option that takes a file or a text nothing is made up: the shell offers files', () => {
    expect(inBash('serve', '--config', '')).toEqual([]);
    expect(inBash('send', 'x')).toEqual([]);
  });

  it('a value that is called as a command is leads nowhere else', () => {
    expect(inBash('send', 'serve', '--dat')).toEqual([]);
  });

  it.skipIf(!isHere('fish', '--version'))(
    'fish (unavailable where it is missing): offers the same, with what each is',
    () => {
      const inFish = (line: string): string[] => {
        const { stdout, stderr } = spawnSync('fish', [
          '--no-config',
          '-c',
          `source ${file('fish')}; complete -C ${JSON.stringify(line)}`,
        ]);
        expect(stderr.toString()).toBe('');
        return stdout
          .toString()
          .split('\n')
          .filter((each) => each !== '');
      };
      expect(inFish('mailbox journal ve')).toEqual([expect.stringMatching(/^verify\t/)]);
      expect(inFish('mailbox sim run crash-').map((line) => line.split('\t')[0])).toEqual([
        'crash-loop',
        'crash-restart',
      ]);
      expect(inFish('mailbox serve --dat')).toEqual([expect.stringMatching(/^--data\t/)]);
      expect(
        inFish('mailbox dlq list t --reason ')
          .map((line) => line.split('\t')[0])
          .toSorted(),
      ).toEqual([...DEAD_REASONS].toSorted());
    },
  );

  it.skipIf(!isHere('zsh', '--version'))(
    'zsh (unavailable where it is missing): is no error of syntax, and defines the completion',
    () => {
      const script = `autoload -U compinit; compinit -D; source ${file('zsh')}; print $_comps[mailbox]`;
      const { stdout, stderr } = spawnSync('zsh', ['-f', '-c', script]);
      expect([stderr.toString(), stdout.toString().trim()]).toEqual(['', '_mailbox']);
    },
  );
});
