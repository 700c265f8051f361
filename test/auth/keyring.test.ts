import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freshKey, Keyring, KeyringError } from '../../src/auth/keyring.ts';
import { parseKeyring, readKeyringFile, writeKeyringFile } from '../../src/auth/keyring-file.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyring-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const DAY_MS = 86_400_000;

describe('keyring', () => {
  it('file: written with mode 0600, read back the same, never replaced by init (I3, K2)', () => {
    const path = join(folder, 'keyring.json');
    const keyring = new Keyring([freshKey('k1', 1000)]);
    writeKeyringFile(path, keyring, true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readKeyringFile(path).newest.key.equals(keyring.newest.key)).toBe(true);
    expect(() => writeKeyringFile(path, keyring, true)).toThrow(/EEXIST/);
    const rotated = keyring.rotated(2000, DAY_MS);
    writeKeyringFile(path, rotated, false);
    expect(readKeyringFile(path).keys.map((key) => key.id)).toEqual(['k1', 'k2']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['keyring.json']);
  });

  it('file: refused when others may read it, when it is no file, when it is not there (I3, K4)', () => {
    const path = join(folder, 'keyring.json');
    writeKeyringFile(path, new Keyring([freshKey('k1', 1000)]), true);
    for (const mode of [0o640, 0o604, 0o644, 0o610, 0o601]) {
      chmodSync(path, mode);
      expect(() => readKeyringFile(path)).toThrow(/must be 0600/);
    }
    expect(() => readKeyringFile(folder)).toThrow(KeyringError);
    expect(() => readKeyringFile(join(folder, 'none'))).toThrow(/ENOENT/);
    symlinkSync(path, join(folder, 'link'));
    expect(() => readKeyringFile(join(folder, 'link'))).toThrow(/must be 0600/);
  });

  it('rotate: keeps keys within the overlap, drops older ones (K5, P3)', () => {
    const first = new Keyring([freshKey('k1', 0)]);
    const second = first.rotated(10 * DAY_MS, 30 * DAY_MS);
    expect(second.keys.map((key) => key.id)).toEqual(['k1', 'k2']);
    expect(second.newest.id).toBe('k2');
    expect(second.rotated(31 * DAY_MS, 30 * DAY_MS).keys.map((key) => key.id)).toEqual(['k2', 'k3']);
  });

  const key = { id: 'k1', created: '2026-01-01T00:00:00Z', key_b64: Buffer.alloc(32, 1).toString('base64') };
  it.each([
    ['{', 'not JSON'],
    ['[]', 'an object'],
    [JSON.stringify({ version: 2, keys: [key] }), 'version must be 1'],
    [JSON.stringify({ version: 1, keys: [] }), 'holds no key'],
    [JSON.stringify({ version: 1, keys: {} }), 'keys must be a list'],
    [JSON.stringify({ version: 1, keys: [key], extra: 1 }), 'unknown field extra'],
    [JSON.stringify({ version: 1, keys: [{ ...key, x: 1 }] }), 'keys[0]: unknown field x'],
    [JSON.stringify({ version: 1, keys: [{ ...key, id: 'a b' }] }), 'keys[0].id'],
    [JSON.stringify({ version: 1, keys: [{ ...key, created: 'then' }] }), 'keys[0].created'],
    [JSON.stringify({ version: 1, keys: [{ ...key, key_b64: 'AAAA' }] }), 'keys[0].key_b64'],
    [JSON.stringify({ version: 1, keys: [key, key] }), 'an id is there twice'],
  ])('parse: %s is refused', (text, message) => {
    expect(() => parseKeyring(text)).toThrow(message);
  });

  it('errors: say nothing of the key', () => {
    const path = join(folder, 'bad.json');
    const secret = Buffer.alloc(31, 7).toString('base64');
    writeFileSync(path, JSON.stringify({ version: 1, keys: [{ ...key, key_b64: secret }] }), { mode: 0o600 });
    expect(() => readKeyringFile(path)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining(secret) }),
    );
    expect(readFileSync(path, 'utf8')).toContain(secret);
  });
});
