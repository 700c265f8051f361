import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readBounded } from '../../src/platform/bounded.ts';
import { runMany } from '../support/process.ts';

const folder = mkdtempSync(join(tmpdir(), 'files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const path = (name: string): string => join(folder, name);
const fifo = (name: string): string => {
  execFileSync('mkfifo', [path(name)]);
  return path(name);
};

describe('files that arguments name', () => {
  it('a FIFO that nobody writes to and a device are refused at once, by every command, naming the argument', async () => {
    const silent = fifo('silent');
    const directory = path('folder');
    mkdirSync(directory);
    const link = path('link');
    symlinkSync('/dev/zero', link);
    const calls = (at: string): [string[], string][] => [
      [['trace', 'check', at], `trace ${at}: `],
      [['trace', 'from-tlc', at, '--model', 'MCLease'], `trace ${at}: `],
      [['sim', 'replay', at], `${at}: `],
      [['sim', 'run', at], `${at}: `],
      [['sim', 'shrink', at], `${at}: `],
      [['send', 't', '--file', at], `--file ${at}: `],
      [['send', 't', '--lines', at], `--lines ${at}: `],
      [['recv', 't', '--signed-by', at], `--signed-by ${at}: `],
      [['stats', 't', '--ca', at], `--ca ${at}: `],
      [['keyring', 'list', at], `keyring ${at}: `],
      [['config', 'check', '--config', at], `${at}: `],
    ];
    const refused = [silent, directory, link].flatMap(calls);
    const finished = await runMany(
      refused.map(([args]) => args),
      { MAILBOX_CAP: 'cap' },
    );
    for (const [i, { code, err }] of finished.entries()) {
      const [args, named] = refused[i] as [string[], string];
      const what = args.join(' ');
      expect([what, code]).toEqual([what, 2]);
      const says = err.split('\n').find((line) => line.startsWith(named)) ?? err;
      expect(says).toMatch(/: .*(a FIFO|a pipe that is empty and that nobody writes to|a directory|a device)$/);
    }
  });

  it('a pipe is read to its end, however slowly it is written to', () => {
    const slow = fifo('slow');
    spawn('sh', ['-c', `exec >${slow}; echo one; sleep 0.2; echo two`]);
    // Until it has opened the pipe, nobody writes to it.
    for (let text = ''; text === ''; ) {
      try {
        text = readBounded(slow, 100).toString();
        expect(text).toBe('one\ntwo\n');
      } catch (error) {
        expect((error as Error).message).toMatch(/nobody writes to/);
      }
    }
  });
});
