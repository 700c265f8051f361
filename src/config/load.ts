import { parse, TomlError } from 'smol-toml';
import { FileRefused, readRegularFile } from '../regular-file.ts';
import { SETTING_NAMES, SETTINGS, type SettingName, type Settings } from './settings.ts';
import { ConfigError, nearest } from './values.ts';

const FILE_BYTES_MAX = 1024 ** 2;
const ENV_PREFIX = 'MAILBOX_';
/** Variables of the command line client, which are no settings of the server. */
const CLIENT_VARIABLES = ['MAILBOX_URL', 'MAILBOX_CA', 'MAILBOX_CAP'] as const;

export const flagOf = (name: string): string => `--${name.replaceAll('_', '-')}`;
export const variableOf = (name: string): string => ENV_PREFIX + name.toUpperCase();

/** Where the value in force came from. */
export type Origin = 'default' | 'file' | 'environment' | 'flag';

export interface Config {
  readonly settings: Settings;
  readonly origins: Readonly<Record<SettingName, Origin>>;
}

interface Given {
  readonly text: string;
  readonly origin: Origin;
  readonly from: string;
}

/**
 * The effective configuration: flags over environment over file over defaults. Unknown keys and values out of range
 * refuse the start. @throws ConfigError naming the setting, its limit and where it was given.
 */
export function loadConfig(
  flags: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string | undefined>> = process.env,
  file?: string,
): Config {
  const given = new Map<SettingName, Given>();
  const take = (origin: Origin, from: (name: string) => string, entries: Iterable<[string, string]>) => {
    for (const [name, text] of entries) {
      if (!Object.hasOwn(SETTINGS, name)) throw new ConfigError(unknown(from(name), name, from), name);
      given.set(name as SettingName, { text, origin, from: from(name) });
    }
  };
  if (file !== undefined) take('file', (name) => `${file}: ${name}`, fileEntries(file));
  take('environment', variableOf, variables(environment));
  take('flag', flagOf, Object.entries(flags));

  const settings: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  for (const name of SETTING_NAMES) {
    const { kind, fallback } = SETTINGS[name];
    const entry = given.get(name);
    origins[name] = entry?.origin ?? 'default';
    settings[name] = entry === undefined ? fallback : kind.read(entry.text);
    if (entry !== undefined && settings[name] === null) {
      throw new ConfigError(`${entry.from}: must be ${kind.says}`, name);
    }
  }
  const config = { settings: settings as unknown as Settings, origins: origins as Record<SettingName, Origin> };
  together(config.settings);
  return config;
}

function unknown(shown: string, name: string, from: (name: string) => string): string {
  const near = nearest(name, SETTING_NAMES);
  return `${shown}: no such setting${near === null ? '' : `; did you mean ${from(near)}?`}`;
}

function* variables(environment: Readonly<Record<string, string | undefined>>): Iterable<[string, string]> {
  for (const [variable, text] of Object.entries(environment)) {
    if (
      !variable.startsWith(ENV_PREFIX) ||
      (CLIENT_VARIABLES as readonly string[]).includes(variable) ||
      text === undefined
    )
      continue;
    yield [variable.slice(ENV_PREFIX.length).toLowerCase(), text];
  }
}

function fileEntries(file: string): [string, string][] {
  let table: Record<string, unknown>;
  try {
    table = parse(readRegularFile(file, FILE_BYTES_MAX, () => null).toString());
  } catch (error) {
    if (error instanceof TomlError || error instanceof FileRefused) throw new ConfigError(`${file}: ${error.message}`);
    throw error;
  }
  return Object.entries(table).map(([name, value]) => {
    if (Array.isArray(value) && value.every(isPlain)) return [name, value.join(',')];
    if (typeof value === 'object')
      throw new ConfigError(`${file}: ${name}: must be a single value, or a list of them`, name);
    return [name, String(value)];
  });
}

const isPlain = (item: unknown): boolean => typeof item === 'string' || Number.isSafeInteger(item);

/** Rules over two settings. */
function together(s: Settings): void {
  if (s.t_replay < 2 * s.default_visibility) {
    throw new ConfigError('t_replay: must be at least 2 x default_visibility (T3)', 't_replay');
  }
  if ((s.tls_cert === null) !== (s.tls_key === null)) {
    const missing = s.tls_cert === null ? 'tls_cert' : 'tls_key';
    throw new ConfigError(`tls_cert, tls_key: both or neither; ${missing} is missing`, missing);
  }
  if (s.verifier_url !== null && s.keyring !== null) {
    throw new ConfigError('verifier_url: holds the keys instead of a keyring; give one of the two', 'verifier_url');
  }
  if (s.backoff_max < s.backoff_base) {
    throw new ConfigError('backoff_max: must be at least backoff_base', 'backoff_max');
  }
  if (s.bind.port !== 0 && s.bind.port === s.metrics_bind.port && s.bind.host === s.metrics_bind.host) {
    throw new ConfigError('metrics_bind: must be another address than bind', 'metrics_bind');
  }
}

/** Name, value and origin of every setting, as text. */
export function shown({ settings, origins }: Config): { name: string; value: string; origin: Origin }[] {
  return SETTING_NAMES.map((name) => {
    const value = settings[name];
    const text = value === null ? '' : (SETTINGS[name].kind.show as (value: unknown) => string)(value);
    return { name, value: text, origin: origins[name] };
  });
}

/** What a reload finds changed, each as `name: before -> after`. */
export interface Differences {
  /** Taken into use. */
  readonly changed: readonly string[];
  /** As it was until the next start. */
  readonly restartNeeded: readonly string[];
}

/** What differs between two configurations. Settings hold no secrets, only the paths to them. */
export function differences(before: Config, after: Config): Differences {
  const old = new Map(shown(before).map(({ name, value }) => [name, value]));
  const differ = shown(after).filter(({ name, value }) => old.get(name) !== value);
  const told = (live: boolean): string[] =>
    differ
      .filter(({ name }) => SETTINGS[name as SettingName].live === live)
      .map(({ name, value }) => `${name}: ${old.get(name)} -> ${value}`);
  return { changed: told(true), restartNeeded: told(false) };
}

/** The variables that command line clients go by. */
export const clientVariables = (
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Readonly<Partial<Record<(typeof CLIENT_VARIABLES)[number], string>>> =>
  Object.fromEntries(
    CLIENT_VARIABLES.map((name) => [name, environment[name]]).filter(([, value]) => value !== undefined),
  );
