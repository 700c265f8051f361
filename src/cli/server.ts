import { freshKey, Keyring } from '../auth/keyring.ts';
import { readKeyringFile } from '../auth/keyring-file.ts';
import { readSecretFile } from '../auth/secret-file.ts';
import { type Config, loadConfig } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { ConfigError } from '../config/values.ts';
import { type Signer, signerOf } from '../integrity/signature.ts';
import { keepMemoryPrivate } from '../platform/memory-privacy.ts';
import { needDescriptors } from '../server/descriptors.ts';
import { serverProcess } from './server-process.ts';
import { endings, reloader, type Secrets } from './serving.ts';
import { flagsOf } from './setting-flags.ts';
import { signals } from './signals.ts';
import { welcome } from './welcome.ts';

const PEM_BYTES_MAX = 16 * 1024;

/** Serves until a signal or a failure ends the process; what it throws refused the start. */
export async function serve(options: Record<string, unknown>): Promise<void> {
  const read = (): Config => loadConfig(flagsOf(options), process.env, options['config'] as string | undefined);
  const config = read();
  const { settings } = config;
  const { log, output, say } = serverProcess(settings.log_level, settings.log_format);
  const isDumped = await keepMemoryPrivate();
  if (isDumped !== null) log.warn('process.dumps', { reason: isDumped });
  const secrets = readSecrets(settings, null);
  needDescriptors();
  // Loaded here: what is refused before is refused at once.
  const { startServer } = await import('../server/main.ts');
  let onFailed = (): void => {};
  const server = await startServer({
    settings,
    ...secrets,
    log,
    droppedLines: () => output.dropped,
    ended: signals.ended,
    acceptTornTail: options['acceptTornTail'] === true,
    trace: options['trace'] as string | undefined,
    onFailed: () => onFailed(),
  });
  const { profile } = settings;
  const { http, metrics, uds, console, shards } = server;
  const ways = { ...(console === null ? {} : { console }), ...(uds === null ? {} : { uds }) };
  log.info('server.ready', { http, metrics, ...ways, profile, shards });
  if (settings.keyring === null && secrets.keyring !== null) say(welcome(settings, secrets.keyring, server.http));
  const ends = endings(server);
  onFailed = ends.onFailed;
  const reload = reloader(server, read, readSecrets, { config, secrets });
  signals.handle({ reload, end: ends.onEnd, second: ends.onSecond });
}

/** Keys as the settings name them, all checked before any is used. @throws ConfigError, KeyringError */
function readSecrets(settings: Settings, development: Keyring | null): Secrets {
  const { keyring, verifier_url, signing_key } = settings;
  const signer = signing_key === null ? null : readSigner(signing_key);
  if (keyring !== null) return { keyring: readKeyringFile(keyring), signer };
  if (verifier_url !== null) return { keyring: null, signer };
  return { keyring: development ?? new Keyring([freshKey('dev', Date.now())]), signer };
}

/** The key that signs envelopes (K3). @throws ConfigError */
function readSigner(path: string): Signer {
  const error = (message: string): ConfigError => new ConfigError(message, 'signing_key');
  const pem = readSecretFile(path, { what: 'signing_key', bytesMax: PEM_BYTES_MAX, error });
  try {
    return signerOf(pem);
  } catch (cause) {
    throw error(`signing_key ${path}: ${(cause as Error).message}`);
  }
}
