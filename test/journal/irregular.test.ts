import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { integrity } from '../../src/integrity/hash-chain.ts';
import { audit } from '../../src/journal/audit.ts';
import { backUp, restore } from '../../src/journal/backup.ts';
import { RECOVERING } from '../../src/journal/durable.ts';
import { FileStorage } from '../../src/journal/file-storage.ts';
import { runNow } from '../../src/journal/file-work.ts';
import { checkFolder, holdFolder } from '../../src/journal/folder.ts';
import { filesOf, PAYLOADS, RESERVE, segmentFile, snapshotFile } from '../../src/journal/layout.ts';
import { type Recovered, recover } from '../../src/journal/recover.ts';
import { compact } from '../../src/journal/snapshot.ts';
import type { StorageOp } from '../../src/ports/storage.ts';
import { Yesterday } from '../support/yesterday.ts';

const folder = mkdtempSync(join(tmpdir(), 'irregular-'));
const sound = join(folder, 'sound');
const servers: Server[] = [];
let copies = 0;

beforeAll(() => {
  new Yesterday().write().save(sound);
  for (const part of [sound, join(sound, PAYLOADS)]) {
    chmodSync(part, 0o700);
    for (const name of readdirSync(part)) if (name !== PAYLOADS) chmodSync(join(part, name), 0o600);
  }
});
afterAll(async () => {
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

function copyOfIt(): string {
  const data = join(folder, `copy-${++copies}`);
  cpSync(sound, data, { recursive: true, preserveTimestamps: true });
  chmodSync(data, 0o700);
  return data;
}

/** What may stand there instead, and what it is called. Each would be waited for, followed, or misread. */
const KINDS: Record<string, (path: string) => Promise<void> | void> = {
  'a FIFO': (path) => void execFileSync('mkfifo', ['-m', '600', path]),
  'a symbolic link': (path) => symlinkSync('/dev/zero', path),
  'a directory': (path) => mkdirSync(path, { mode: 0o700 }),
  'a socket': (path) =>
    new Promise((resolve) => {
      // A path may have no more than 107 bytes.
      const server = createServer().listen(path, resolve);
      servers.push(server);
    }),
};

const places = (): Record<string, string> => {
  const storage = new FileStorage(sound);
  const { snapshots } = filesOf(storage);
  const { tail } = recover(storage, RECOVERING) as Recovered;
  return {
    'the last segment': segmentFile(tail.segment),
    'the newest snapshot': snapshotFile(snapshots.at(-1) as number),
    'a payload': `${PAYLOADS}/${storage.files(PAYLOADS)[0]}`,
  };
};

describe('something else in place of a file', () => {
  it.each(Object.keys(KINDS))(
    '%s: refused by all that open a journal, with the file; nothing waits for it (rule 7, B14)',
    async (kind) => {
      for (const [place, file] of Object.entries(places())) {
        const data = copyOfIt();
        rmSync(join(data, file));
        await (KINDS[kind] as (path: string) => void)(join(data, file));
        const said =
          kind === 'a symbolic link' ? 'a symbolic link, which is not followed' : `${kind}, not a regular file`;
        expect(() => holdFolder(data), place).toThrow(`${join(data, file)}: ${said}`);
        const storage = new FileStorage(data);
        // Without that check, as a thread beside a server has it: it is named, or it is not there.
        const found = recover(storage, RECOVERING);
        if (place === 'the newest snapshot') expect(found.kind).toBe('recovered');
        else if (place === 'a payload' && kind === 'a directory')
          expect(found).toMatchObject({ kind: 'refused', file });
        else expect(found, place).toMatchObject({ kind: 'refused', file });
        const { problems } = audit(storage, { hash: RECOVERING.hash, integrity });
        if (place !== 'the newest snapshot') expect(problems, place).toContainEqual(expect.objectContaining({ file }));
        const target = join(folder, `backup-${copies}`);
        if (place !== 'the newest snapshot') expect(() => backUp(data, target, RECOVERING), place).toThrow(file);
        expect(() => restore(data, join(folder, `restored-${copies}`), RECOVERING), place).toThrow(file);
      }
    },
  );

  it('every op of a disk on each of them: fails with the name, and does not wait', async () => {
    for (const [kind, make] of Object.entries(KINDS)) {
      const data = copyOfIt();
      const file = 'log-000000000000099';
      await make(join(data, file));
      const storage = new FileStorage(data);
      const says = `${file}: ${kind}, not a regular file`;
      expect(() => storage.read(file, 0, 10)).toThrow(says);
      expect(() => storage.size(file)).toThrow(says);
      const bytes = new Uint8Array(4);
      const ops: StorageOp[] = [
        { op: 'write', file, at: 0, bytes, durable: false },
        { op: 'write', file, at: 0, bytes, durable: true },
        { op: 'sync', file },
      ];
      for (const op of ops) {
        expect(() => storage.now(op)).toThrow(says);
        const error = await new Promise<Error | null>((resolve) => storage.later(op, resolve));
        expect(error?.message).toBe(says);
      }
      storage.close();
    }
  });

  it('a compaction that meets one: says which segment it lacks', () => {
    const data = copyOfIt();
    const { segment, at, sequence } = (recover(new FileStorage(data), RECOVERING) as Recovered).tail;
    const covered = { segment, at, sequence, asOfMs: 0 };
    const last = segmentFile(segment);
    rmSync(join(data, last));
    (KINDS['a FIFO'] as (path: string) => void)(join(data, last));
    expect(() => runNow(new FileStorage(data), compact(new FileStorage(data), covered, RECOVERING))).toThrow(last);
  });

  it('what is not ours is left alone: a socket or a folder of another name', async () => {
    const data = copyOfIt();
    await (KINDS['a socket'] as (path: string) => void)(join(data, 'mailbox.sock'));
    mkdirSync(join(data, 'lost+found'), { mode: 0o755 });
    expect(() => checkFolder(data)).not.toThrow();
    holdFolder(data).release();
  });

  it('the folder of payloads, a lock and a reserve: refused like the rest', () => {
    for (const name of [PAYLOADS, 'lock', RESERVE]) {
      const data = copyOfIt();
      rmSync(join(data, name), { recursive: true, force: true });
      if (name === PAYLOADS) writeFileSync(join(data, name), '', { mode: 0o600 });
      else (KINDS['a FIFO'] as (path: string) => void)(join(data, name));
      expect(() => holdFolder(data)).toThrow(
        name === PAYLOADS ? `${name}: not a directory` : `${name}: a FIFO, not a regular file`,
      );
    }
  });

  it('a payload file larger than any payload: damaged, and not read', () => {
    const data = copyOfIt();
    const storage = new FileStorage(data);
    const [name] = storage.files(PAYLOADS);
    const file = `${PAYLOADS}/${name}`;
    truncateSync(join(data, file), 2 ** 40);
    const found = recover(storage, RECOVERING) as Recovered;
    expect(found.damagedPayloads).toContainEqual(expect.objectContaining({ why: 'does not match its hash' }));
  });
});
