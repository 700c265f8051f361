import { type Command, Option } from 'commander';
import { freshKey, Keyring, KeyringError } from '../auth/keyring.ts';
import { readKeyringFile } from '../auth/keyring-file.ts';
import { mint } from '../auth/mint.ts';
import { readSecretFile } from '../auth/secret-file.ts';
import { type Config, differences, flagOf, loadConfig } from '../config/load.ts';
import { SETTING_NAMES, SETTINGS, type Settings } from '../config/settings.ts';
import { ConfigError } from '../config/values.ts';
import { needDescriptors } from '../descriptors.ts';
import { keepMemoryPrivate } from '../dumps.ts';
import { type Signer, signerOf } from '../integrity/signature.ts';
import type { Running } from '../main.ts';
import { createLog, LineBuffer, type Log, placeOf } from '../observe/log.ts';
import { EXIT, examples } from './shared.ts';

const DEV_TOPIC = 'demo';
const DEV_HOURS = 24;
const PEM_BYTES_MAX = 16 * 1024;

/** Adds a flag for every setting. */
export function withSettings(command: Command): Command {
  command.option('--config <file>', 'TOML file of settings');
  for (const name of SETTING_NAMES) {
    const { kind, about } = SETTINGS[name];
    const value = kind.says === 'true or false' ? '' : ' <value>';
    command.addOption(new Option(`${flagOf(name)}${value}`, `${about} (${kind.says})`));
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
    needDescriptors();
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

/** For people at a terminal, on standard error: a capability must not get into a log (I2). */
function welcome(settings: Settings, keyring: Keyring, address: string): string {
  const expires = `expires = ${Math.floor(Date.now() / 1000) + DEV_HOURS * 3600}`;
  const { token } = mint(keyring, [
    `topic = ${DEV_TOPIC}`,
    'op = send,recv,ack,nack,extend,stats',
    expires,
    'quota_ops = 100000/1',
  ]);
  const lines = [
    '',
    `No keyring: made a development key in memory. It goes with this process; ${
      settings.profile === 'micronode' ? 'so does every message' : `messages stay, in ${settings.data}`
    }.`,
    `A capability for the topic "${DEV_TOPIC}", good for ${DEV_HOURS} hours. Paste:`,
    '',
    `export MAILBOX_URL=http://${address} MAILBOX_CAP=${token}`,
    ...curlLines(),
  ];
  if (settings.enable_admin) {
    const admin = (topic: string): string =>
      mint(keyring, [`topic = ${topic}`, 'op = admin', expires, 'quota_ops = 100/1']).token;
    lines.push('', `Admin of "${DEV_TOPIC}":`, `export MAILBOX_CAP=${admin(DEV_TOPIC)}`);
    lines.push('', 'Admin that may revoke:', `export MAILBOX_CAP=${admin('mailbox.admin')}`);
  }
  return `${lines.join('\n')}\n\n`;
}

/** A first session: send, the same again, receive, give back, ack with the receipt of the old lease, receive, ack. */
function curlLines(): string[] {
  const post = (path: string, body: string): string =>
    `curl -s $MAILBOX_URL/v1/${path} -H "Authorization: Bearer $MAILBOX_CAP" -H 'Content-Type: application/json' -d ${body}`;
  const field = (name: string): string => `$(echo "$M" | grep -o '"${name}":"[^"]*' | cut -d'"' -f4)`;
  const send = post('send', `'{"topic":"${DEV_TOPIC}","idem_key":"hello-1","payload_b64":"aGVsbG8="}'; echo`);
  const recv = `M=$(${post('recv', `'{"topic":"${DEV_TOPIC}","max_messages":1,"visibility_ms":60000}'`)}); echo "$M"`;
  const ack = `${post(`ack/${field('msg_id')}`, `"{\\"receipt\\":\\"${field('receipt')}\\"}"`)}; echo`;
  const giveBack = post(
    `nack/${field('msg_id')}`,
    `"{\\"receipt\\":\\"${field('receipt')}\\",\\"retry_after_ms\\":0}"; echo`,
  );
  return [
    '# send, and the same again: 409 with the msg_id of the first',
    send,
    send,
    '# receive, give back, then ack with the receipt of the lease that is over: 409 E_LEASE_LOST',
    recv,
    giveBack,
    ack,
    '# receive it again, and ack',
    recv,
    ack,
  ];
}
