import { type Command, Option } from 'commander';
import { freshKey, Keyring } from '../auth/keyring.ts';
import { readKeyringFile } from '../auth/keyring-file.ts';
import { readSecretFile } from '../auth/secret-file.ts';
import { type Config, flagOf, loadConfig } from '../config/load.ts';
import { SETTING_NAMES, SETTINGS, type Settings } from '../config/settings.ts';
import { ConfigError } from '../config/values.ts';
import { keepMemoryPrivate } from '../dumps.ts';
import { type Signer, signerOf } from '../integrity/signature.ts';
import { serverProcess } from './server-process.ts';
import { endings, reloader, type Secrets } from './serving.ts';
import { examples } from './shared.ts';
import { signals } from './signals.ts';
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
  command.addHelpText('after', EXIT_CODES);
  command.action(serve);
}

const EXIT_CODES = `
Exit codes:
  0  told to end by SIGTERM or SIGINT, and ended
  1  refused, for the machine is not as it must be (address taken, data directory in use or damaged); or failed; or told twice to end
  2  refused, for what it was given is wrong (flags, variables, configuration, keys, certificates)
A refused start is a line of the log, too: event "server.refused" with reason, setting, exit_code.`;

/** Serves until a signal or a failure ends the process; what it throws refused the start. */
async function serve(options: Record<string, unknown>): Promise<void> {
  const read = (): Config => loadConfig(flagsOf(options), process.env, options['config'] as string | undefined);
  const config = read();
  const { settings } = config;
  const { log, output, say } = serverProcess(settings.log_level, settings.log_format);
  const isDumped = await keepMemoryPrivate();
  if (isDumped !== null) log.warn('process.dumps', { reason: isDumped });
  const secrets = readSecrets(settings, null);
  // Loaded here, so that the other commands start without the server.
  const { startServer } = await import('../main.ts');
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
  const { profile, ready_shards } = settings;
  const uds = server.uds === null ? {} : { uds: server.uds };
  log.info('server.ready', { http: server.http, metrics: server.metrics, ...uds, profile, shards: ready_shards });
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
