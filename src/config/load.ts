import { parse, TomlError } from 'smol-toml';
import { brokenRule, LIMITS, refusalOf } from '../core/limits.ts';
import { FileRefused, readRegularFile } from '../platform/regular-file.ts';
import { echoed, named, visible, visibleBlock } from '../platform/visible.ts';
import { limitsOf } from './limits.ts';
import { HEAP_SHARE, type Machine, thisMachine } from './machine.ts';
import { type Address, type AnySetting, SETTING_NAMES, SETTINGS, type SettingName, type Settings } from './settings.ts';
import { ConfigError, nearest, sizeText } from './values.ts';

/** Far more than all settings take. */
const FILE_BYTES_MAX = 256 * 1024;
const ENV_PREFIX = 'MAILBOX_';
/** Variables of commands; `MAILBOX_ENGINE` is a setting of the server, too. */
const CLIENT_VARIABLES = ['MAILBOX_URL', 'MAILBOX_CA', 'MAILBOX_CAP', 'MAILBOX_ENGINE'] as const;

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

/** A way in which settings are given. */
interface Way {
  readonly origin: Origin;
  /** How a setting is called there. */
  readonly call: (name: string) => string;
  /** Where that is, for messages. */
  readonly where: string;
}

/**
 * The effective configuration: flags over environment over file over defaults. Unknown keys and values out of range
 * refuse the start. @throws ConfigError naming the setting, its limit and where it was given.
 */
export function loadConfig(
  flags: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string | undefined>> = process.env,
  file?: string,
  machine: Machine = thisMachine(),
): Config {
  const given = new Map<SettingName, Given>();
  const take = (way: Way, entries: Iterable<[string, string]>) => {
    for (const [name, text] of entries) {
      if (!Object.hasOwn(SETTINGS, name)) throw new ConfigError(unknown(name, way), name);
      given.set(name as SettingName, { text, origin: way.origin, from: way.where + way.call(name) });
    }
  };
  if (file !== undefined)
    take({ origin: 'file', call: (name) => name, where: `${visible(file)}: ` }, fileEntries(file));
  take({ origin: 'environment', call: variableOf, where: '' }, variables(environment));
  take({ origin: 'flag', call: flagOf, where: '' }, Object.entries(flags));

  const settings: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  for (const name of SETTING_NAMES) {
    const { kind, fallback, of } = SETTINGS[name] as AnySetting;
    const entry = given.get(name);
    origins[name] = entry?.origin ?? 'default';
    settings[name] = entry === undefined ? (of?.(machine) ?? fallback) : kind.read(entry.text);
    if (entry !== undefined && settings[name] === null) {
      const found = kind.isPrivate === true ? '' : ` ${echoed(entry.text)}`;
      throw new ConfigError(`${entry.from}${found}: must be ${kind.says}`, name);
    }
  }
  const config = { settings: settings as unknown as Settings, origins: origins as Record<SettingName, Origin> };
  together(config.settings);
  onPayloadStore(config);
  onEngine(config);
  fits(config.settings, machine);
  return config;
}

function unknown(name: string, { call, where }: Way): string {
  const near = nearest(name, SETTING_NAMES);
  const hint = near === null ? '; `mailbox config print` lists them' : `; did you mean ${call(near)}?`;
  return `${where}${named(call(name))}: no such setting${hint}`;
}

function* variables(environment: Readonly<Record<string, string | undefined>>): Iterable<[string, string]> {
  for (const [variable, text] of Object.entries(environment)) {
    if (
      !variable.startsWith(ENV_PREFIX) ||
      ((CLIENT_VARIABLES as readonly string[]).includes(variable) && variable !== 'MAILBOX_ENGINE') ||
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
    if (!(error instanceof TomlError || error instanceof FileRefused)) throw error;
    throw new ConfigError(`${visible(file)}: ${visibleBlock(error.message)}`);
  }
  return Object.entries(table).map(([name, value]) => {
    if (Array.isArray(value) && value.every(isPlain)) return [name, value.join(',')];
    if (typeof value === 'object') {
      const must = 'must be a single value or a list of them, not a table or a date';
      throw new ConfigError(`${visible(file)}: ${named(name)}: ${must}`, name);
    }
    return [name, String(value)];
  });
}

const isPlain = (item: unknown): boolean => typeof item === 'string' || Number.isSafeInteger(item);

/** Rules over two settings. */
function together(s: Settings): void {
  const broken = brokenRule(limitsOf(s));
  if (broken !== null) {
    const { name } = LIMITS[broken.limit];
    throw new ConfigError(`${name}: ${refusalOf(broken)}`, name);
  }
  if ((s.tls_cert === null) !== (s.tls_key === null)) {
    const missing = s.tls_cert === null ? 'tls_cert' : 'tls_key';
    throw new ConfigError(`tls_cert, tls_key: both or neither; ${missing} is missing`, missing);
  }
  if (s.verifier_url !== null && s.keyring !== null) {
    throw new ConfigError('verifier_url: holds the keys instead of a keyring; give one of the two', 'verifier_url');
  }
  if (isSame(s.bind, s.metrics_bind)) {
    throw new ConfigError('metrics_bind: must be another address than bind', 'metrics_bind');
  }
  if (s.console_bind !== 'none' && [s.bind, s.metrics_bind].some((taken) => isSame(taken, s.console_bind as Address))) {
    throw new ConfigError('console_bind: must be another address than bind and metrics_bind', 'console_bind');
  }
}

/** A file that was printed names every setting. */
const isOther = (s: Settings, name: SettingName): boolean => {
  const { kind, fallback } = SETTINGS[name] as AnySetting;
  return s[name] !== null && (fallback === null || kind.show(s[name]) !== kind.show(fallback));
};

/** What goes with a bucket for payloads, and what says nothing without one. */
function onPayloadStore({ settings: s }: Config): void {
  if (s.payload_store === null) {
    const alone = OF_PAYLOAD_STORE.find((name) => isOther(s, name));
    if (alone !== undefined) throw new ConfigError(`${alone}: says nothing without payload_store`, alone);
    return;
  }
  if (s.profile === 'micronode')
    throw new ConfigError('payload_store: micronode keeps nothing outside of its memory', 'payload_store');
  if (s.payload_store_credentials === null)
    throw new ConfigError('payload_store_credentials: payload_store needs them', 'payload_store_credentials');
}

/** What goes with an engine, and what says nothing without one. */
function onEngine(config: Config): void {
  const { settings: s } = config;
  const isGiven = (name: SettingName): boolean => isOther(s, name);
  if (s.engine === null) {
    const alone = OF_ENGINE.find(isGiven);
    if (alone !== undefined) throw new ConfigError(`${alone}: says nothing without engine`, alone);
    return;
  }
  const other = NOT_ON_ENGINE.find(isGiven);
  if (other !== undefined) {
    throw new ConfigError(`${other}: the engine takes the place of a data directory; give one of the two`, other);
  }
  if (s.profile === 'micronode')
    throw new ConfigError('profile: micronode keeps nothing, and has no engine', 'profile');
  if (s.node_name === null) {
    throw new ConfigError(
      'node_name: with an engine each node has one of its own, the same at every start',
      'node_name',
    );
  }
  if (s.node_url === null && EVERYWHERE.includes(s.bind.host)) {
    throw new ConfigError(
      `node_url: other nodes cannot reach ${s.bind.host}; say where they reach this one`,
      'node_url',
    );
  }
}
const OF_ENGINE = ['engine_cluster', 'engine_schema', 'engine_require_replica', 'node_name', 'node_url'] as const;
const NOT_ON_ENGINE = ['data', 'segment_size', 'ready_shards', 'payload_store'] as const;
const OF_PAYLOAD_STORE = ['payload_store_credentials', 'payload_store_region', 'payload_store_timeout'] as const;
const EVERYWHERE = ['0.0.0.0', '::', '0:0:0:0:0:0:0:0'];

/** Port 0 is another one each time. */
const isSame = (one: Address, other: Address): boolean =>
  one.port !== 0 && one.port === other.port && one.host === other.host;

const MIB = 1024 ** 2;
/** Budgets that the machine cannot keep are refused, with the sums (BD0). */
function fits({ memory, window_memory }: Settings, { memoryBytes, heapBytes }: Machine): void {
  const said = `memory ${sizeText(memory)} + window_memory ${sizeText(window_memory)}`;
  if (memory + window_memory > memoryBytes) {
    const have = sizeText(memoryBytes);
    throw new ConfigError(`memory: ${said} is more than the ${have} that this process may use`, 'memory');
  }
  const most = Math.floor((HEAP_SHARE * heapBytes) / MIB) * MIB;
  if (window_memory > most) {
    const of = `${HEAP_SHARE} of its heap of ${sizeText(heapBytes)}`;
    const way = 'node --max-old-space-size=MIB gives it more';
    throw new ConfigError(`window_memory: at most ${sizeText(most)}, ${of}; ${way}`, 'window_memory');
  }
}

/** A setting as people see it, all of it text. */
export interface Shown {
  readonly name: SettingName;
  readonly value: string;
  readonly origin: Origin;
  /** '' where there is none. */
  readonly default: string;
  /** What it may be, with its range. */
  readonly allowed: string;
  /** Units in which a value is written, '' for what has none. */
  readonly unit: string;
  /** SIGHUP takes over a new value. */
  readonly live: boolean;
  readonly about: string;
}

export const shown = ({ settings, origins }: Config): Shown[] =>
  SETTING_NAMES.map((name) => {
    const { kind, fallback, live, about } = SETTINGS[name] as AnySetting;
    const text = (value: unknown): string => (value === null ? '' : (kind.show as (value: unknown) => string)(value));
    const row = { name, value: text(settings[name]), origin: origins[name], default: text(fallback) };
    return { ...row, allowed: kind.says, unit: kind.unit, live, about };
  });

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
    differ.filter((row) => row.live === live).map(({ name, value }) => `${name}: ${old.get(name)} -> ${value}`);
  return { changed: told(true), restartNeeded: told(false) };
}

/** The variables that command line clients go by. */
export const clientVariables = (
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Readonly<Partial<Record<(typeof CLIENT_VARIABLES)[number], string>>> =>
  Object.fromEntries(
    CLIENT_VARIABLES.map((name) => [name, environment[name]]).filter(([, value]) => value !== undefined),
  );
