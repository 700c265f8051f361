import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileStorage } from '../../src/journal/file-storage.ts';
import { FolderError, type HeldFolder, holdFolder } from '../../src/journal/folder.ts';

let folder = '';
let data = '';
const held: HeldFolder[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-'));
  data = join(folder, 'data');
});
afterEach(() => {
  for (const one of held.splice(0)) one.release();
  rmSync(folder, { recursive: true });
});
const hold = (path = data): HeldFolder => {
  const one = holdFolder(path);
  held.push(one);
  return one;
};
/** As the version before does it, which holds no other lock. @returns what flock says: 0 when it is ours until it is closed */
function lockedAsBefore(): { readonly status: number | null; readonly fd: number } {
  const fd = openSync(join(data, 'lock'), 'a', 0o600);
  return { fd, status: spawnSync('flock', ['-n', '-x', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] }).status };
}

describe('lock', () => {
  it('of the directory itself: with everything in it deleted it is held still (journal rule 7)', () => {
    hold();
    for (const name of readdirSync(data)) rmSync(join(data, name), { recursive: true });
    expect(() => hold()).toThrow(`data: ${data}: in use by another process`);
    expect(() => hold()).toThrow(FolderError);
  });

  it('under another name it is held still; what takes its old name is another directory, and is not written to', () => {
    const { path } = hold();
    const moved = join(folder, 'moved');
    renameSync(data, moved);
    expect(() => hold(moved)).toThrow('in use by another process');
    const other = hold(data);
    const write = (to: string, file: string): void => {
      new FileStorage(to).now({ op: 'write', file, at: 0, bytes: new Uint8Array(1), durable: false });
      new FileStorage(to).now({ op: 'sync_folder', folder: '' });
    };
    write(path, 'log-000000000000001');
    write(other.path, 'log-000000000000002');
    expect([existsSync(join(moved, 'log-000000000000001')), existsSync(join(moved, 'log-000000000000002'))]).toEqual([
      true,
      false,
    ]);
    expect(readdirSync(data).filter((name) => name.startsWith('log-'))).toEqual(['log-000000000000002']);
  });

  it('released, it is free; no descriptor is left over from a try that failed', () => {
    hold().release();
    held.length = 0;
    const before = readdirSync('/proc/self/fd').length;
    hold();
    for (let i = 0; i < 3; i++) expect(() => hold()).toThrow('in use');
    expect(readdirSync('/proc/self/fd').length).toBe(before + 2);
  });

  it('the version before and this one keep each other out', () => {
    hold();
    const refused = lockedAsBefore();
    expect(refused.status).toBe(1);
    closeSync(refused.fd);
    held.pop()?.release();
    const old = lockedAsBefore();
    expect(old.status).toBe(0);
    expect(() => hold()).toThrow(`data: ${data}: in use by another process`);
    closeSync(old.fd);
    hold();
  });

  it('a directory in which the lock cannot be made is refused by its name', () => {
    mkdirSync(data, { mode: 0o700 });
    mkdirSync(join(data, 'lock'), { mode: 0o700 });
    expect(() => hold()).toThrow(`${join(data, 'lock')}: a directory, not a regular file`);
  });
});
