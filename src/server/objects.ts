import { readSecretFile } from '../auth/secret-file.ts';
import type { Settings } from '../config/settings.ts';
import { ConfigError } from '../config/values.ts';
import type { ObjectPlace } from '../ports/payload-store.ts';

const BYTES_MAX = 4096;
const FIELDS = ['access_key_id', 'secret_access_key'] as const;

/** The bucket of the settings and who may use it; undefined without one. @throws ConfigError */
export function objectPlaceOf(settings: Settings): ObjectPlace | undefined {
  const { payload_store: url, payload_store_region: region, payload_store_timeout: timeoutMs } = settings;
  if (url === null) return undefined;
  const [accessKeyId, secretAccessKey] = credentialsIn(settings.payload_store_credentials as string);
  return { url, region, timeoutMs, accessKeyId, secretAccessKey };
}

/** `{"access_key_id": "..", "secret_access_key": ".."}` in a file that nobody else may read (I3). No message repeats any of it. */
function credentialsIn(path: string): readonly [string, string] {
  const error = (message: string): ConfigError => new ConfigError(message, 'payload_store_credentials');
  const bytes = readSecretFile(path, { what: 'payload_store_credentials', bytesMax: BYTES_MAX, error });
  const wrong = (why: string): ConfigError => error(`payload_store_credentials ${path}: ${why}`);
  let found: unknown;
  try {
    found = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw wrong('not JSON');
  } finally {
    bytes.fill(0);
  }
  if (typeof found !== 'object' || found === null || Array.isArray(found)) throw wrong('must be an object');
  if (Object.keys(found).length !== FIELDS.length) throw wrong(`must have ${FIELDS.join(' and ')}, and nothing else`);
  const values = FIELDS.map((name) => (found as Record<string, unknown>)[name]);
  const [id, secret] = values.map((value, i) => {
    if (typeof value === 'string' && /^[\x21-\x7e]{1,256}$/.test(value)) return value;
    throw wrong(`${FIELDS[i]}: 1..256 of printable ASCII`);
  });
  return [id as string, secret as string];
}
