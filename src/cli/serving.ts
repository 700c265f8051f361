import type { Keyring } from '../auth/keyring.ts';
import { type Config, differences } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import type { Signer } from '../integrity/signature.ts';
import { placeOf } from '../observe/log.ts';
import type { Running } from '../server/main.ts';
import { refusalOf } from './refusal.ts';
import { serverProcess } from './server-process.ts';
import { EXIT } from './shared.ts';

/** The keys that the settings name. */
export interface Secrets {
  readonly keyring: Keyring | null;
  readonly signer: Signer | null;
}

/** What a server goes by. */
export interface InForce {
  config: Config;
  secrets: Secrets;
}

/** Reads all keys anew; the development key stays as it is. @throws ConfigError, KeyringError */
export type ReadSecrets = (settings: Settings, development: Keyring | null) => Secrets;

/**
 * SIGHUP: configuration and keys are read again, all of it is tried, and taken into use as one swap, or not at all (K1, P3): whatever
 * goes wrong, what was in force goes on, and a line says why. Asked while it is at it, it does it once more afterwards.
 */
export function reloader(
  server: Pick<Running, 'reload'>,
  read: () => Config,
  readSecrets: ReadSecrets,
  now: InForce,
): () => void {
  const { log } = serverProcess();
  const started = now.config;
  const reload = async (): Promise<void> => {
    const config = read();
    const secrets = readSecrets(config.settings, now.config.settings.keyring === null ? now.secrets.keyring : null);
    await server.reload({ settings: config.settings, ...secrets });
    const { changed } = differences(now.config, config);
    const { restartNeeded } = differences(started, config);
    const keys = secrets.keyring?.keys.map(({ id }) => id);
    log.info('config.reloaded', { changed, restart_needed: restartNeeded, keys });
    now.config = config;
    now.secrets = secrets;
  };
  let last = Promise.resolve();
  let isAsked = false;
  return () => {
    if (isAsked) return;
    isAsked = true;
    last = last.then(() => {
      isAsked = false;
      return reload().catch((error) => log.error('config.reload_failed', refusalOf(error)));
    });
  };
}

/** After a failure: so long for the last answers to leave. */
const FAILED_MS = 1000;

/** What ends a server: a signal, a second one, a journal that has failed. */
export function endings(server: Pick<Running, 'stop'>) {
  const { log, leave } = serverProcess();
  /** SIGTERM and SIGINT drain. */
  const onEnd = (signal: string): void => {
    log.info('server.draining', { signal });
    server.stop().then(
      () => {
        log.info('server.stopped', {});
        leave(EXIT.ok);
      },
      (error) => {
        log.error('process.failed', placeOf(error));
        leave(EXIT.failed);
      },
    );
  };
  const onSecond = (): void => {
    log.warn('server.stopped', { reason: 'told a second time to end: the drain was cut short' });
    leave(EXIT.failed);
  };
  const onFailed = (): void => {
    const left = (): void => leave(EXIT.failed);
    setTimeout(left, FAILED_MS);
    server.stop().then(left, left);
  };
  return { onEnd, onSecond, onFailed };
}
