import { type Command, Option } from 'commander';
import { freshKey, Keyring, KeyringError } from '../auth/keyring.ts';
import { readKeyringFile } from '../auth/keyring-file.ts';
import { readSecretFile } from '../auth/secret-file.ts';
import { type Config, differences, flagOf, loadConfig } from '../config/load.ts';
import { SETTING_NAMES, SETTINGS, type Settings } from '../config/settings.ts';
import { ConfigError } from '../config/values.ts';
import { keepMemoryPrivate } from '../dumps.ts';
import { type Signer, signerOf } from '../integrity/signature.ts';
import type { Running } from '../main.ts';
import { createLog, LineBuffer, type Log, placeOf } from '../observe/log.ts';
import { EXIT, examples } from './shared.ts';
import { welcome } from './welcome.ts';

const PEM_BYTES_MAX = 16 * 1024;

/** Adds a flag for every setting. */
export function withSettings(command: Command): Command {
  command.option('--config <file>', 'TOML file of settings');
  for (const name of SETTING_NAMES) {
    const { kind, about } = SETTINGS[name];
    // True when it is there: only variables and files have a value to give.
    const isSwitch = kind.says === 'true or false';
    const option = isSwitch
      ? new Option(flagOf(name), about)
      : new Option(`${flagOf(name)} <value>`, `${about} (${kind.says})`);
    command.addOption(option);
  }
  return command;
}

/** The flags given, by setting. */
export function flagsOf(options: Readonly<Record<string, unknown>>): Record<string, string> {
  const flags: Record<string, string> = {};
  for (const name of SETTING_NAMES) {
    const value = options[name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())];
    if (value !== undefined) flags[name] = String(value);
  }
  return flags;
}

export function addServe(program: Command): void {
  const command = withSettings(program.command('serve').description('run the mailbox'));
  command.option(
    '--accept-torn-tail',
    'drop a damaged last frame of the journal; what it held may have been acknowledged',
  );
  command.option(
    '--trace <file>',
    'write what becomes durable as a trace, to a new file (`mailbox trace check` reads it)',
  );
  examples(
    command,
    'mailbox serve',
    'mailbox serve --data /var/lib/mailbox --keyring keyring.json --bind 0.0.0.0:9410',
    'mailbox serve --profile micronode',
  );
  command.action(async (options: Record<string, unknown>) => {
    const read = (): Config => loadConfig(flagsOf(options), process.env, options['config'] as string | undefined);
    const config = read();
    const { settings } = config;
    const lines = new LineBuffer((text) => process.stdout.write(text));
    const log = createLog(settings.log_level, settings.log_format, lines.write);
    const isDumped = await keepMemoryPrivate();
    if (isDumped !== null) log.warn('process.dumps', { reason: isDumped });
    const secrets = readSecrets(settings, null);
    // Loaded here, so that the other commands start without the server.
    const { startServer } = await import('../main.ts');
    let onFailed = (): void => {};
    const acceptTornTail = options['acceptTornTail'] === true;
    const trace = options['trace'] as string | undefined;
    const server = await startServer({ settings, ...secrets, log, acceptTornTail, trace, onFailed: () => onFailed() });
    const { profile, ready_shards } = settings;
    const uds = server.uds === null ? {} : { uds: server.uds };
    log.info('server.ready', { http: server.http, metrics: server.metrics, ...uds, profile, shards: ready_shards });
    if (settings.keyring === null && secrets.keyring !== null) {
      process.stderr.write(welcome(settings, secrets.keyring, server.http));
    }
    onFailed = guard(log, lines, () => server.stop());
    reloadOnSignal(log, server, read, { config, secrets });
  });
}

interface Secrets {
  readonly keyring: Keyring | null;
  readonly signer: Signer | null;
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
  const error = (message: string): ConfigError => new ConfigError(message);
  const pem = readSecretFile(path, { what: 'signing_key', bytesMax: PEM_BYTES_MAX, error });
  try {
    return signerOf(pem);
  } catch (cause) {
    throw error(`signing_key ${path}: ${(cause as Error).message}`);
  }
}

/** SIGHUP: configuration and keys are read again, and taken into use as one swap, or not at all (K1, P3). */
function reloadOnSignal(
  log: Log,
  server: Pick<Running, 'reload'>,
  read: () => Config,
  now: { config: Config; secrets: Secrets },
): void {
  const started = now.config;
  process.on('SIGHUP', () => {
    try {
      const config = read();
      const secrets = readSecrets(config.settings, now.config.settings.keyring === null ? now.secrets.keyring : null);
      server.reload({ settings: config.settings, ...secrets });
      const { changed } = differences(now.config, config);
      const { restartNeeded } = differences(started, config);
      const keys = secrets.keyring?.keys.map(({ id }) => id);
      log.info('config.reloaded', { changed, restart_needed: restartNeeded, keys });
      now.config = config;
      now.secrets = secrets;
    } catch (error) {
      if (!(error instanceof ConfigError || error instanceof KeyringError)) throw error;
      log.error('config.reload_failed', { reason: error.message });
    }
  });
}

/** After a failure: so long for the last answers to leave. */
const FAILED_MS = 1000;

/**
 * SIGTERM and SIGINT drain and exit 0; a second one exits at once. A bug outside every request ends the process.
 * @returns what ends it when the journal has failed
 */
function guard(log: Log, lines: LineBuffer, stop: () => Promise<void>): () => void {
  let stopping = false;
  const leave = (code: number): never => {
    lines.flush();
    process.exit(code);
  };
  const onSignal = (signal: string): void => {
    if (stopping) leave(EXIT.failed);
    stopping = true;
    log.info('server.draining', { signal });
    stop().then(
      () => {
        log.info('server.stopped', {});
        leave(EXIT.ok);
      },
      () => leave(EXIT.failed),
    );
  };
  process.on('SIGTERM', () => onSignal('SIGTERM'));
  process.on('SIGINT', () => onSignal('SIGINT'));
  process.on('uncaughtException', (error) => {
    log.error('process.failed', placeOf(error));
    leave(EXIT.failed);
  });
  return () => {
    stopping = true;
    const left = (): never => leave(EXIT.failed);
    setTimeout(left, FAILED_MS);
    stop().then(left, left);
  };
}
