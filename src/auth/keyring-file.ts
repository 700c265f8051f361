import { createSecretKey, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { KEY_BYTES, Keyring, KeyringError, type RootKey } from './keyring.ts';
import { readSecretFile } from './secret-file.ts';

const FILE_BYTES_MAX = 64 * 1024;
const KEY_ID = /^[A-Za-z0-9_-]{1,32}$/;

/** Parses the file's text, `{"version": 1, "keys": [{"id", "created", "key_b64"}]}`; @throws KeyringError. */
export function parseKeyring(text: string): Keyring {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    throw new KeyringError('keyring: not JSON');
  }
  const { version, keys, ...rest } = recordOf(file, 'keyring');
  if (version !== 1) throw new KeyringError('keyring: version must be 1');
  if (!Array.isArray(keys)) throw new KeyringError('keyring: keys must be a list');
  refuseUnknown(rest, 'keyring');
  return new Keyring(keys.map(rootKeyOf));
}

function rootKeyOf(entry: unknown, index: number): RootKey {
  const where = `keyring: keys[${index}]`;
  const { id, created, key_b64, ...rest } = recordOf(entry, where);
  refuseUnknown(rest, where);
  if (typeof id !== 'string' || !KEY_ID.test(id)) throw new KeyringError(`${where}.id: 1..32 of A-Z a-z 0-9 _ -`);
  const createdMs = typeof created === 'string' ? Date.parse(created) : Number.NaN;
  if (Number.isNaN(createdMs)) throw new KeyringError(`${where}.created: an RFC 3339 time`);
  const bytes = Buffer.from(typeof key_b64 === 'string' ? key_b64 : '', 'base64');
  if (bytes.length !== KEY_BYTES) throw new KeyringError(`${where}.key_b64: ${KEY_BYTES} bytes of base64`);
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return { id, createdMs, key };
}

function recordOf(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new KeyringError(`${where}: an object`);
  return value as Record<string, unknown>;
}

function refuseUnknown(rest: object, where: string): void {
  const [field] = Object.keys(rest);
  if (field !== undefined) throw new KeyringError(`${where}: unknown field ${field}`);
}

/** Reads a keyring file, which nobody else may read (I3, K4). @throws KeyringError */
export function readKeyringFile(path: string): Keyring {
  const error = (message: string): KeyringError => new KeyringError(message);
  const bytes = readSecretFile(path, { what: 'keyring', bytesMax: FILE_BYTES_MAX, error });
  try {
    return parseKeyring(bytes.toString('utf8'));
  } finally {
    bytes.fill(0);
  }
}

/** Writes a keyring with mode 0600: whole or not at all. `fresh` refuses to replace a file. @throws KeyringError */
export function writeKeyringFile(path: string, keyring: Keyring, fresh: boolean): void {
  const keys = keyring.keys.map(({ id, createdMs, key }) => {
    const bytes = key.export();
    const entry = { id, created: new Date(createdMs).toISOString(), key_b64: bytes.toString('base64') };
    bytes.fill(0);
    return entry;
  });
  const target = fresh ? path : `${path}.${randomBytes(6).toString('hex')}`;
  let file: number;
  try {
    file = openSync(target, 'wx', 0o600);
  } catch (error) {
    throw new KeyringError(`keyring ${target}: ${(error as NodeJS.ErrnoException).code ?? 'cannot be written'}`);
  }
  try {
    writeFileSync(file, `${JSON.stringify({ version: 1, keys }, null, 2)}\n`);
    fsyncSync(file);
    if (!fresh) renameSync(target, path);
  } catch (error) {
    rmSync(target, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}
