import { CAP_FORMATS, type CapFormat } from '../../spec/vocabulary.ts';
import { LIMIT_RULES, LIMITS, ruleText } from '../core/limits.ts';
import { type Machine, memoryOf, windowMemoryOf } from './machine.ts';
import { durationMs, durationText, sizeBytes, sizeText } from './values.ts';

/** One kind of value: how it is read from text, how it is shown. `read` gives null for what it cannot read. */
interface Kind<T> {
  readonly says: string;
  /** Units in which a value is written, '' for what has none. */
  readonly unit: string;
  /** A wrong value may hold a secret: no message repeats it. */
  readonly isPrivate?: true;
  /** The form of a value in a file, as JSON Schema; ranges of what has a unit are in `says`. Files may also say `"8"` for 8. */
  readonly schema: Readonly<Record<string, unknown>>;
  read(text: string): T | null;
  show(value: T): string;
}

const count = (min: number, max: number): Kind<number> => ({
  says: `a whole number ${min}..${max}`,
  unit: '',
  schema: { type: 'integer', minimum: min, maximum: max },
  read: (text) => (/^[0-9]{1,12}$/.test(text) && Number(text) >= min && Number(text) <= max ? Number(text) : null),
  show: String,
});
/** Examples are values that are taken. */
const like = (texts: readonly string[], isTaken: (text: string) => boolean): string =>
  `like ${texts.filter(isTaken).join(' ')}`;
const duration = (minMs: number, maxMs: number): Kind<number> => ({
  says: `a duration ${durationText(minMs)}..${durationText(maxMs)}, ${like(['250ms', '5s', '1h', '7d'], (text) => {
    const ms = durationMs(text) as number;
    return ms >= minMs && ms <= maxMs;
  })}`,
  unit: 'ms s m h d',
  schema: { type: 'string', pattern: '^[0-9]{1,12}(ms|s|m|h|d)$' },
  read: (text) => {
    const ms = durationMs(text);
    return ms !== null && ms >= minMs && ms <= maxMs ? ms : null;
  },
  show: durationText,
});
const size = (min: number, max: number): Kind<number> => ({
  says: `a size ${sizeText(min)}..${sizeText(max)}, ${like(['512KiB', '1MiB', '32MiB', '2GiB'], (text) => {
    const bytes = sizeBytes(text) as number;
    return bytes >= min && bytes <= max;
  })}`,
  unit: 'B KiB MiB GiB',
  schema: { type: 'string', pattern: '^[0-9]{1,12}(B|KiB|MiB|GiB)$' },
  read: (text) => {
    const bytes = sizeBytes(text);
    return bytes !== null && bytes >= min && bytes <= max ? bytes : null;
  },
  show: sizeText,
});
const oneOf = <T extends string>(...values: readonly T[]): Kind<T> => ({
  says: values.join(' or '),
  unit: '',
  schema: { enum: values },
  read: (text) => values.find((value) => value === text) ?? null,
  show: (value) => value,
});
const flag: Kind<boolean> = {
  says: 'true or false',
  unit: '',
  schema: { type: 'boolean' },
  read: (text) => (text === 'true' ? true : text === 'false' ? false : null),
  show: String,
};
/** The system would take a path to end at a zero. */
const PATH = '^[^\\u0000]+$';
const isPath = (text: string): boolean => new RegExp(PATH).test(text);
const path: Kind<string> = {
  says: 'a path',
  unit: '',
  schema: { type: 'string', minLength: 1, pattern: PATH },
  read: (text) => (isPath(text) ? text : null),
  show: (value) => value,
};
export interface Address {
  readonly host: string;
  readonly port: number;
}
const ADDRESS = '(?:\\[([0-9a-fA-F:.]+)\\]|([A-Za-z0-9.-]+)):([0-9]{1,5})';
const address: Kind<Address> = {
  says: 'host:port',
  unit: '',
  schema: { type: 'string', pattern: `^${ADDRESS}$` },
  read: (text) => {
    const match = new RegExp(`^${ADDRESS}$`).exec(text);
    if (match === null || Number(match[3]) > 65_535) return null;
    return { host: (match[1] ?? match[2]) as string, port: Number(match[3]) };
  },
  show: ({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`,
};
const NOWHERE = 'none';
/** An address, or the word for not listening at all. */
const addressOrNone: Kind<Address | typeof NOWHERE> = {
  says: `host:port, or ${NOWHERE}`,
  unit: '',
  schema: { anyOf: [{ const: NOWHERE }, address.schema] },
  read: (text) => (text === NOWHERE ? NOWHERE : address.read(text)),
  show: (value) => (value === NOWHERE ? NOWHERE : address.show(value)),
};
const formats: Kind<readonly CapFormat[]> = {
  unit: '',
  schema: { type: 'array', items: { enum: CAP_FORMATS }, minItems: 1, uniqueItems: true },
  says: `one or more of ${CAP_FORMATS.join(', ')}, separated by commas`,
  read: (text) => {
    const list = text.split(',');
    const known = CAP_FORMATS.filter((format) => list.includes(format));
    return known.length === list.length ? known : null;
  },
  show: (value) => value.join(','),
};
/** Capabilities travel to it: plain HTTP only where nobody is in between. */
const verifierUrl: Kind<URL> = {
  unit: '',
  schema: { type: 'string', pattern: '^https?://' },
  isPrivate: true,
  says: 'an https URL, or an http one of this machine (127.0.0.1, [::1], localhost), without a user',
  read: (text) => {
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url === null || url.username !== '' || url.password !== '' || url.hash !== '') return null;
    const here = /^(127\.[0-9.]+|\[::1\]|localhost)$/.test(url.hostname);
    return url.protocol === 'https:' || (url.protocol === 'http:' && here) ? url : null;
  },
  show: (value) => value.href,
};
/** What is sent there is signed, and is what messages carry: plain HTTP only where nobody is in between. */
const bucketUrl: Kind<string> = {
  unit: '',
  schema: { type: 'string', pattern: '^https?://' },
  isPrivate: true,
  says: 'an https URL of a bucket and a prefix by path, or an http one of this machine, like https://s3.eu-central-1.amazonaws.com/bucket/prefix',
  read: (text) => {
    const url = text.length <= 1024 ? verifierUrl.read(text) : null;
    if (url === null || url.search !== '' || !/^(\/[A-Za-z0-9._-]+){1,8}\/?$/.test(url.pathname)) return null;
    return url.href.replace(/\/$/, '');
  },
  show: (value) => value,
};
const REGION = '^[a-z0-9-]{1,64}$';
const region: Kind<string> = {
  unit: '',
  schema: { type: 'string', pattern: REGION },
  says: '1..64 of a-z, 0-9 and -',
  read: (text) => (new RegExp(REGION).test(text) ? text : null),
  show: (value) => value,
};
/** As `src/postgres/address.ts` reads it. A password in it is never shown. */
const ENGINE = '^postgres(ql)?://[^\\s]{1,2000}$';
const engineUrl: Kind<string> = {
  unit: '',
  schema: { type: 'string', pattern: ENGINE },
  isPrivate: true,
  says: 'postgres://user@host:port,host:port/database',
  read: (text) => (new RegExp(ENGINE).test(text) ? text : null),
  show: (value) => value.replace(/^([a-z]+:\/\/[^:@/]*):[^@]*@/, '$1:***@'),
};
const ENGINE_NAME = '^[a-z][a-z0-9_]{0,47}$';
const engineName: Kind<string> = {
  unit: '',
  schema: { type: 'string', pattern: ENGINE_NAME },
  says: '1..48 of a-z, 0-9 and _, a letter first',
  read: (text) => (new RegExp(ENGINE_NAME).test(text) ? text : null),
  show: (value) => value,
};
const NODE_NAME = '^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$';
const nodeName: Kind<string> = {
  unit: '',
  schema: { type: 'string', pattern: NODE_NAME },
  says: '1..63 of a-z, 0-9, ., _ and -, with a letter or digit at both ends',
  read: (text) => (new RegExp(NODE_NAME).test(text) ? text : null),
  show: (value) => value,
};
/** Capabilities travel to it, as they do to whichever node a client asks. */
const nodeUrl: Kind<string> = {
  unit: '',
  schema: { type: 'string', pattern: '^https?://' },
  isPrivate: true,
  says: 'an http or https URL of a host and a port, without a user, a path or a query, like http://10.0.0.7:9410',
  read: (text) => {
    const url = URL.canParse(text) && text.length <= 512 ? new URL(text) : null;
    if (url === null || !/^https?:$/.test(url.protocol)) return null;
    return [url.username, url.password, url.search, url.hash].every((part) => part === '') && url.pathname === '/'
      ? url.origin
      : null;
  },
  show: (value) => value,
};
const PREFIX = '^[a-z0-9][a-z0-9._:-]{0,127}$';
const prefixes: Kind<readonly string[]> = {
  unit: '',
  schema: { type: 'array', items: { type: 'string', pattern: PREFIX }, maxItems: 32 },
  says: 'up to 32 topic prefixes, separated by commas',
  read: (text) => {
    const list = text === '' ? [] : text.split(',');
    return list.length <= 32 && list.every((item) => new RegExp(PREFIX).test(item)) ? list : null;
  },
  show: (value) => value.join(','),
};
const HOST = '^([A-Za-z0-9._-]{1,253}|\\[[0-9A-Fa-f:.]{2,45}\\])$';
const hosts: Kind<readonly string[]> = {
  unit: '',
  schema: { type: 'array', items: { type: 'string', pattern: HOST }, maxItems: 32 },
  says: 'up to 32 host names or addresses without ports, separated by commas, like metrics.internal,10.0.0.7',
  read: (text) => {
    const list = text === '' ? [] : text.split(',');
    const isHost = (item: string): boolean => new RegExp(HOST).test(item);
    return list.length <= 32 && list.every(isHost) ? list : null;
  },
  show: (value) => value.join(','),
};
/** Colons are for those who write recording rules. */
const METRICS_PREFIX = '^[A-Za-z_][A-Za-z0-9_]{0,63}$';
const metricsPrefix: Kind<string> = {
  unit: '',
  schema: { type: 'string', pattern: METRICS_PREFIX },
  says: 'the beginning of a metric name: 1..64 letters, digits and underscores, no digit first',
  read: (text) => (new RegExp(METRICS_PREFIX).test(text) ? text : null),
  show: (value) => value,
};

/** So many that with 8 shards `window_memory` of 1 GiB is used up first: by 6.7 million messages of 160 bytes. */
const REMEMBERED = 1_048_576;
const SOCKET_PATH_BYTES_MAX = 107;
/** What the system would cut off, it would bind under another name. */
const socketPath: Kind<string> = {
  unit: '',
  schema: { type: 'string', minLength: 1, maxLength: SOCKET_PATH_BYTES_MAX, pattern: PATH },
  says: `a path of 1..${SOCKET_PATH_BYTES_MAX} bytes (the system's limit for sockets)`,
  read: (text) => (isPath(text) && Buffer.byteLength(text) <= SOCKET_PATH_BYTES_MAX ? text : null),
  show: (value) => value,
};
/** The largest; 2^32-1 stands for no user. */
const UID_MAX = 2 ** 32 - 2;
const NO_UIDS = 'none';
const uids: Kind<readonly number[]> = {
  unit: '',
  schema: {
    anyOf: [
      { const: NO_UIDS },
      { type: 'array', items: { type: 'integer', minimum: 0, maximum: UID_MAX }, maxItems: 32 },
    ],
  },
  says: `up to 32 user ids 0..${UID_MAX}, separated by commas, or ${NO_UIDS} (lets nobody in)`,
  read: (text) => {
    const list = text === '' || text === NO_UIDS ? [] : text.split(',');
    const isUid = (item: string): boolean => /^(0|[1-9][0-9]{0,9})$/.test(item) && Number(item) <= UID_MAX;
    return list.length <= 32 && list.every(isUid) ? list.map(Number) : null;
  },
  show: (value) => (value.length === 0 ? NO_UIDS : value.join(',')),
};

interface Setting<T, F extends T | null = T> {
  readonly kind: Kind<T>;
  readonly fallback: F;
  readonly about: string;
  /** SIGHUP takes over a new value; the others need a restart. */
  readonly live: boolean;
  /** The default where it depends on the machine; `fallback` is null then. */
  readonly of?: (machine: Machine) => T;
}
const setting = <T>(kind: Kind<T>, fallback: T, about: string): Setting<T> => ({ kind, fallback, about, live: false });
const live = <T>(kind: Kind<T>, fallback: T, about: string): Setting<T> => ({ kind, fallback, about, live: true });
/** Without a default: null when it is not given. */
const optional = <T>(kind: Kind<T>, about: string, reloads = false): Setting<T, null> => ({
  kind,
  fallback: null,
  about,
  live: reloads,
});

/** Its default is as much as the machine has for it. */
const byMachine = <T>(kind: Kind<T>, of: (machine: Machine) => T, about: string) => ({
  ...{ kind, about, live: true as const, of },
  // What is in force is never null: `loadConfig` asks the machine.
  fallback: null as unknown as T,
});

const MANY = 10_000_000;
const MIB = 1024 ** 2;

type LimitName = keyof typeof LIMITS;
/** A limit of the core: its name, range and default are those of the table of limits. */
interface Limited<L extends LimitName> extends Setting<number> {
  readonly limit: L;
}
function limit<L extends LimitName>(limit: L, about: string): Limited<L> {
  const { kind, min, max, fallback } = LIMITS[limit];
  const rule = LIMIT_RULES.find((rule) => rule.limit === limit);
  return {
    ...{ limit, fallback, live: true },
    kind: kind === 'ms' ? duration(min, max) : count(min, max),
    about: rule === undefined ? about : `${about}; ${ruleText(rule)}`,
  };
}
/** Each limit that is a setting has a row, under its own name: the compiler asks for it. */
type LimitSettings = {
  readonly [L in LimitName as (typeof LIMITS)[L]['isSetting'] extends true
    ? (typeof LIMITS)[L]['name']
    : never]: Limited<L>;
};
export type LimitSetting = keyof LimitSettings;

/** Every setting, once: file key; flag `--like-this`; variable `MAILBOX_LIKE_THIS`. */
export const SETTINGS = {
  bind: setting(address, { host: '127.0.0.1', port: 9410 }, 'where the service listens; port 0 picks one'),
  metrics_bind: setting(address, { host: '127.0.0.1', port: 9600 }, 'where the metrics are served'),
  metrics_hosts: live(hosts, [], 'names that the metrics are asked for by, besides loopback and the address itself'),
  metrics_prefix: optional(metricsPrefix, 'stands before the name of every series, like `mailbox_`'),
  console_bind: setting(
    addressOrNone,
    { host: '127.0.0.1', port: 9411 },
    'where the console is served, with the interface beside it; none: nowhere',
  ),
  uds: optional(socketPath, 'Unix socket to listen on as well, in a directory of mode 0700'),
  allow_uids: optional(uids, 'users let in by the Unix socket; by default the one the server runs as', true),
  tls_cert: optional(path, 'certificate chain (PEM); with it `bind` speaks TLS 1.3 and nothing else', true),
  tls_key: optional(path, 'private key of the certificate (PEM, mode 0600)', true),
  profile: setting(
    oneOf('micronode', 'macronode'),
    'macronode',
    'macronode is durable, micronode keeps everything in memory',
  ),
  data: setting(path, './data', 'data directory of the durable profile'),
  payload_store: optional(
    bucketUrl,
    'bucket that keeps payloads above 64 KiB, in place of files of the data directory',
  ),
  payload_store_credentials: optional(path, 'access key of the bucket: JSON, mode 0600'),
  payload_store_region: setting(region, 'us-east-1', 'region that requests to the bucket are signed for'),
  payload_store_timeout: setting(duration(100, 60_000), 5_000, 'an answer of the bucket must be there in this time'),
  engine: optional(engineUrl, 'PostgreSQL that keeps the shards of several nodes, in place of a data directory'),
  engine_cluster: setting(engineName, 'mailbox', 'the cluster whose tables are meant'),
  engine_schema: setting(engineName, 'mailbox', 'where its tables are'),
  engine_require_replica: setting(flag, true, 'no sends while the engine has no synchronous standby'),
  node_name: optional(nodeName, 'of this node among those of its cluster, the same at every start'),
  node_url: optional(nodeUrl, 'where the other nodes reach this one; by default `bind`'),
  segment_size: setting(size(8 * MIB, 256 * MIB), 32 * MIB, 'size of the files that the log is written in'),
  keyring: optional(path, 'keyring file; without one a development key is made in memory', true),
  cap_formats: setting(formats, CAP_FORMATS, 'capability formats that are accepted'),
  verifier_url: optional(verifierUrl, 'remote verifier of capabilities, instead of a keyring'),
  verifier_timeout: setting(duration(50, 5_000), 2_000, 'its answer must be there in this time'),
  auth_failure_burst: setting(count(1, 1_000_000), 100, 'failed authentications of one sender before it is held back'),
  signing_key: optional(path, 'PEM file of an Ed25519 key that signs envelopes', true),
  enable_admin: setting(flag, false, 'serve the admin endpoints'),
  ready_shards: setting(count(1, 1024), 8, 'shards; fixed for a data directory'),
  shard_capacity: limit('shardCapacity', 'queued, leased and redelivered messages of a shard'),
  global_inflight: limit('globalInflight', 'leased messages of all shards'),
  dedup_capacity: { ...limit('dedupCapacity', 'idempotency entries of a shard'), fallback: REMEMBERED },
  settled_capacity: { ...limit('settledCapacity', 'settled receipts remembered by a shard'), fallback: REMEMBERED },
  memory: byMachine(
    size(MIB, 1024 ** 4),
    memoryOf,
    'bytes of all messages that live: payloads, attributes, keys and what each takes besides; a quarter of the memory, 0.35 of the heap at most',
  ),
  window_memory: byMachine(
    size(MIB, 1024 ** 4),
    windowMemoryOf,
    'bytes of what is remembered of ended messages; an eighth of the memory, a quarter of the heap at most',
  ),
  default_visibility: limit('defaultVisibilityMs', 'lease length when recv names none'),
  max_attempts: limit('maxAttempts', 'deliveries before a message is dead-lettered'),
  max_redrives: limit('maxRedrives', 'reprocesses of one message'),
  backoff_base: limit('backoffBaseMs', 'backoff after the first attempt, before jitter'),
  backoff_max: limit('backoffMaxMs', 'longest backoff'),
  t_replay: limit('tReplayMs', 'idempotency window'),
  inflight_factor: limit('inflightFactor', 'longest lease by extension, x its visibility'),
  ready_retention: limit('readyRetentionMs', 'how long a message may wait for a consumer'),
  dlq_retention: limit('dlqRetentionMs', 'how long a dead letter is kept'),
  dlq_max_per_topic: limit('dlqMaxPerTopic', 'dead letters of a topic'),
  dlq_capacity: limit('dlqCapacity', 'dead letters of a shard'),
  tenant_labels: { ...limit('tenantLabels', 'labels of a topic that say whose it is'), live: false },
  tenant_share: limit('tenantShare', 'percent of each bound that a tenant may always use; 0 for no rule'),
  tenant_reserve: limit('tenantReserve', 'percent of each bound kept for tenants within their share'),
  topic_share: limit('topicShare', 'percent of its tenant share that a topic may always use; 0 for no rule'),
  cap_cache_ttl: live(duration(5_000, 120_000), 30_000, 'how long a verified capability is remembered'),
  read_timeout: live(duration(100, 3_600_000), 5_000, 'a whole request must arrive in this time'),
  write_timeout: live(duration(100, 3_600_000), 5_000, 'a whole response must be taken in this time'),
  idle_timeout: live(duration(100, 3_600_000), 60_000, 'a connection without a request is closed'),
  max_body: live(size(1024, 1024 ** 2), 1024 ** 2, 'largest request body, as sent and as expanded'),
  decompress_ratio: live(count(1, 1000), 10, 'how many times its size an encoded body may expand to'),
  max_body_memory: live(size(1024 ** 2, 1024 ** 3), 128 * 1024 ** 2, 'bytes of large bodies being read at once'),
  max_connections: live(count(1, 65_536), 1024, 'open connections'),
  max_streams: live(count(1, 65_536), 64, 'open streams; feeds take what these leave'),
  recent_facts: setting(
    count(16, 1_000_000),
    16_384,
    'facts remembered for timelines and feeds; each takes about 300 bytes',
  ),
  feed_history: setting(
    size(0, 1024 ** 4),
    0,
    'bytes of old journal kept for the feed and for timelines, beyond what a start needs; a full disk takes them first',
  ),
  stream_heartbeat: live(
    duration(100, 3_600_000),
    15_000,
    'a stream without a message gets a blank line this often, a feed its cursor',
  ),
  requests_per_socket: live(count(1, MANY), 10_000, 'requests before a connection is closed'),
  drain_deadline: live(duration(0, 3_600_000), 5_000, 'time to finish after SIGTERM'),
  topic_classes: setting(prefixes, [], 'topic prefixes that metrics tell apart'),
  log_level: live(oneOf('error', 'warn', 'info', 'debug'), 'info', 'least important level that is logged'),
  log_format: setting(oneOf('json', 'text'), 'json', 'one JSON object a line, or text'),
} as const satisfies LimitSettings & Readonly<Record<string, unknown>>;

export type SettingName = keyof typeof SETTINGS;
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];
/** The value of each setting; null where one is neither given nor has a default. */
export type Settings = {
  readonly [N in SettingName]: (typeof SETTINGS)[N] extends Setting<infer T, infer F> ? T | F : never;
};
/** A setting, whatever it is of. */
export type AnySetting = Setting<unknown, unknown>;
