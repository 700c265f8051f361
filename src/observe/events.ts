export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What each field of a log line says, in every event that has it (O2). */
export const LOG_FIELDS = {
  address: 'an address that a setting has, as bound',
  console: 'where the console is served',
  corr_id: 'the request: as its sender named it, or as it was given here; the answer has it too',
  peer_addr: 'who was at the other end: an address, or the user behind a Unix socket',
  cap_scope: 'what the capability of the request is for; `-` without one',
  decision: '`denied` or `allowed`: a security decision. Such lines are counted apart when lines are dropped',
  reason: 'why, in a word or in words',
  shard: 'the number of the shard',
  shards: 'numbers of shards; at the start how many there are',
  latency_ms: 'how long it took',
  at: 'in the code: the frames of the stack; of the journal: the offset in the file',
  age_days: 'age of the key that signs',
  attempt: 'the delivery after which it happened',
  by_ms: 'by how much the clock was set, ahead or back',
  bytes: 'how many',
  changed: 'settings taken into use, each as `name: before -> after`',
  data: 'the data directory',
  decisions: 'those of them that were security decisions',
  down_ms: 'how long none ran, by the wall clock',
  engine: 'hosts and database, without user and password',
  entries: 'how many were remembered',
  error: 'the kind of error; never its message, which may quote what a caller sent',
  exit_code: 'with which the process ends',
  expired: 'whether its time is over',
  fingerprint: 'of the certificate, SHA-256',
  facts: 'facts read from the log behind the snapshot',
  file: 'of the data directory',
  for_s: 'for how long, in seconds',
  hash_chain: "the message's, so that it can be told later that it was this one",
  http: 'where the service listens',
  id: 'the nonce or key id',
  items: 'how many requests of a batch were refused, when more than one',
  key_id: 'name of the root key',
  keys: 'key ids of the keyring',
  kind: '`nonce` or `key_id`',
  limit: 'of open files',
  lines: 'how many',
  memory: 'what live messages may take, as a size (BD0)',
  metrics: 'where the metrics are served',
  missing: 'as `/readyz` names it',
  msg_id: 'the message',
  node: 'the name of a node of the cluster',
  nonce: 'first characters of the nonce that a family of capabilities has in common',
  not_after: 'end of the time of the certificate',
  note: 'what whoever revoked it wrote',
  op: 'the operation that was asked for',
  payload_hash: "the message's",
  profile: '`macronode` or `micronode`',
  redrives: 'how often the message was put back',
  restart_needed: 'settings that differ and stay as they were until the next start',
  retry_after_ms: 'until it is tried again',
  route: 'path of the route; `-` where it has none',
  segment: 'number of the log file',
  sent_corr_id: 'the request that sent the message',
  sequence: 'the last frame of the journal that it holds',
  setting: 'the setting that it is about',
  signal: 'name of the signal',
  state: '`starting`, `ready`, `degraded_writes`, `draining` or `failed`',
  status: 'of the answer',
  subject: 'of the certificate',
  term: 'rises with every process that opens the data directory',
  uds: 'path of the Unix socket',
  url: 'where other nodes reach it',
  window_memory: 'what is remembered of ended messages may take, as a size (BD0)',
  why: '`fallen`, `unsure`, `not_owner` or `halted`',
} as const;
export type LogField = keyof typeof LOG_FIELDS;

interface EventRow {
  readonly levels: readonly LogLevel[];
  readonly fields: readonly LogField[];
  /** What happened. */
  readonly about: string;
  /** What whoever runs it does; '' where there is nothing to do. */
  readonly act: string;
}

/** Of the request that brought it about; without them time did. */
const REQUEST = ['corr_id', 'peer_addr', 'cap_scope'] as const;
const DECIDED = [...REQUEST, 'decision', 'reason'] as const;
/** A defect of ours: its kind and where it is. */
const PLACE = ['error', 'at'] as const;

/** Every event that the log knows. The compiler refuses one that is not here, a level or a field that its row does not have. */
export const LOG_EVENTS = {
  'server.starting': {
    levels: ['info'],
    fields: ['http', 'metrics', 'console', 'uds', 'memory', 'window_memory'],
    about: 'all addresses are taken; the journal is read now',
    act: '',
  },
  'server.ready': {
    levels: ['info'],
    fields: ['http', 'metrics', 'console', 'uds', 'profile', 'shards'],
    about: 'it serves',
    act: '',
  },
  'server.state': {
    levels: ['info'],
    fields: ['state', 'missing'],
    about: 'what `/readyz` says has changed',
    act: '`degraded_writes`: `missing` names what to look at; "What to watch" of operations.md goes through the names',
  },
  'server.draining': {
    levels: ['info'],
    fields: ['signal'],
    about: 'told to end: no connection is taken, requests under way are waited for up to `drain_deadline`',
    act: '',
  },
  'server.stopped': {
    levels: ['info', 'warn'],
    fields: ['signal', 'reason'],
    about: 'it has ended; `warn`: it was told twice, and requests under way got no answer',
    act: '`warn`: a supervisor that gives less time than `drain_deadline` does that',
  },
  'server.refused': {
    levels: ['error'],
    fields: ['reason', 'setting', 'exit_code', ...PLACE],
    about: 'the start is refused',
    act: 'do what `reason` says. Exit code 1: the machine, 2: what it was given',
  },
  'config.reloaded': {
    levels: ['info'],
    fields: ['changed', 'restart_needed', 'keys'],
    about: 'SIGHUP: configuration, keys and certificates were read again and are in use',
    act: 'what `restart_needed` names waits for a restart',
  },
  'config.reload_failed': {
    levels: ['error'],
    fields: ['reason', 'setting', ...PLACE],
    about: 'SIGHUP: something was wrong; nothing has changed',
    act: 'put right what `reason` names, and send SIGHUP again',
  },
  'auth.denied': {
    levels: ['warn'],
    fields: [...DECIDED, 'route', 'op'],
    about: 'nobody, or someone who may not',
    act: 'one sender is slowed down by itself; many: look for a key that was dropped too early',
  },
  'auth.spike': {
    levels: ['warn'],
    fields: ['reason', 'entries'],
    about: 'so many authentications failed that the verified capabilities were forgotten; each is verified again',
    act: 'see whose they are: `peer_addr` of `auth.denied`',
  },
  'quota.barred': {
    levels: ['warn'],
    fields: ['decision', 'reason', 'nonce', 'for_s'],
    about:
      'narrowed capabilities of one family brought more quotas than are kept apart; new ones are refused for a while',
    act: 'someone makes a new capability for every request: have it reused',
  },
  'capability.revoked': {
    levels: ['warn'],
    fields: [...REQUEST, 'decision', 'route', 'kind', 'id', 'note'],
    about: 'a capability, and all that was made from it, or a root key is revoked',
    act: 'was it you?',
  },
  'keyring.changed': {
    levels: ['info'],
    fields: ['key_id', 'decision', 'reason'],
    about: 'SIGHUP: a root key was `added` or `removed`; capabilities of one that was removed have ended',
    act: 'was it you?',
  },
  'keyring.aging': {
    levels: ['warn'],
    fields: ['key_id', 'age_days', 'reason'],
    about: 'the root key that signs is 25 days old; said once a day',
    act: '`mailbox keyring rotate`, then SIGHUP',
  },
  'keyring.overdue': {
    levels: ['error'],
    fields: ['key_id', 'age_days', 'reason'],
    about: 'the root key that signs is 30 days old: not ready, sends are refused',
    act: '`mailbox keyring rotate`, then SIGHUP, now',
  },
  request: {
    levels: ['debug'],
    fields: [...REQUEST, 'route', 'status', 'reason', 'latency_ms'],
    about: 'a request is answered; `reason` is its outcome',
    act: '',
  },
  'request.refused': {
    levels: ['warn'],
    fields: [...DECIDED, 'route', 'status', 'items'],
    about: 'a request is refused for its bytes, its authority or its amount; one line a request',
    act: '`mailbox explain CODE` says what its sender does',
  },
  'request.failed': {
    levels: ['error'],
    fields: [...REQUEST, 'route', ...PLACE],
    about: 'a defect of ours: the request got a 500',
    act: 'report the line',
  },
  'answer.unlisted': {
    levels: ['error'],
    fields: [...REQUEST, 'route', 'status', 'reason'],
    about: 'a defect of ours: an answer that the contract does not list for its route. It went out all the same',
    act: 'report the line',
  },
  'connection.refused': {
    levels: ['warn'],
    fields: [...DECIDED, 'route'],
    about: 'a connection is cut, or turned away: `max_connections`, `slow_reader`, `timeout`, `parser` and others',
    act: '`max_connections` often: raise it, or look who holds them',
  },
  'tls.certificate': {
    levels: ['info', 'warn'],
    fields: ['subject', 'fingerprint', 'not_after', 'expired', 'reason'],
    about: 'a certificate is in use; `warn`: its time is over, and clients will refuse it',
    act: '`warn`: renew it, then SIGHUP',
  },
  'tls.handshake_failed': {
    levels: ['warn'],
    fields: ['peer_addr', 'cap_scope', 'decision', 'reason'],
    about: "a client without TLS 1.3, or one that does not know the certificate; `reason` is Node's name for it",
    act: '',
  },
  'message.dead_lettered': {
    levels: ['warn'],
    fields: [...DECIDED, 'msg_id', 'sent_corr_id', 'attempt', 'shard'],
    about: 'a message is not delivered any more, and is kept with its reason',
    act: '`mailbox dlq list`, then reprocess or purge',
  },
  'message.reprocessed': {
    levels: ['info'],
    fields: [...REQUEST, 'decision', 'msg_id', 'redrives', 'shard'],
    about: 'a dead letter is back in the queue',
    act: '',
  },
  'message.purged': {
    levels: ['info'],
    fields: [...DECIDED, 'msg_id', 'payload_hash', 'hash_chain', 'shard'],
    about: 'a dead letter is gone for good: by an admin, for its age, or for room',
    act: '`dlq_retention`, `dlq_max_per_topic` and `dlq_capacity` say how long they stay',
  },
  'integrity.failed': {
    levels: ['warn'],
    fields: [...DECIDED, 'route', 'status', 'items', 'msg_id', 'shard'],
    about:
      'a payload is not what its hash says: of a sender (`payload_hash`), or on the disk (`at_rest`, `payload file ..`)',
    act: 'of the disk: look at it; the message goes to the dead letters',
  },
  'journal.opened': {
    levels: ['info'],
    fields: ['data', 'term', 'sequence', 'facts', 'latency_ms'],
    about: 'the journal is read; everything in it is known',
    act: '',
  },
  'journal.torn_tail': {
    levels: ['warn'],
    fields: ['segment', 'at', 'bytes', 'reason'],
    about: 'a write was cut off by a crash; nothing of it was answered. It is put aside as `torn-N-AT`',
    act: 'remove the file when you have looked at it',
  },
  'payloads.store': {
    levels: ['info', 'warn'],
    fields: ['reason'],
    about:
      '`warn`: the bucket of `payload_store` does not take payloads; they go into the log meanwhile. `info`: it does again',
    act: 'look why it does not answer; the disk fills faster until it does',
  },
  'journal.room': {
    levels: ['info', 'error'],
    fields: ['decision', 'reason'],
    about: '`error`: the disk is full, or nothing can be opened: sends are refused, acks go on. `info`: it is over',
    act: 'consume, make room, or look for the process that has all descriptors',
  },
  'journal.snapshot': {
    levels: ['info'],
    fields: ['sequence', 'segment', 'bytes'],
    about: 'a snapshot is made; the log before the older one is free',
    act: '',
  },
  'journal.snapshot_failed': {
    levels: ['error'],
    fields: ['reason'],
    about: 'it is tried again with the next segment; the log grows meanwhile',
    act: 'again and again: look at the disk',
  },
  'journal.snapshot_damaged': {
    levels: ['warn'],
    fields: ['file', 'at', 'reason'],
    about: 'at the start: the other snapshot was used',
    act: 'make a backup, then look at the disk',
  },
  'journal.unsure': {
    levels: ['warn'],
    fields: ['shards', 'decision', 'reason'],
    about: 'nobody knows what became of the last append: its shards answer 503 until the log was read',
    act: 'look at the disk when `journal.sure` does not follow within seconds',
  },
  'journal.sure': {
    levels: ['info'],
    fields: ['shards'],
    about: 'the log was read: what was not known is known, the shards serve again',
    act: '',
  },
  'journal.failed': {
    levels: ['error'],
    fields: ['decision', 'reason'],
    about: 'a write or a sync failed: nothing is known of what is on the disk; the process ends with exit code 1',
    act: 'start it again: it reads what is there. Look at the disk',
  },
  'shard.failed': {
    levels: ['error'],
    fields: [...REQUEST, 'shard', ...PLACE],
    about: 'a defect of ours took one shard down; it is made anew from the journal',
    act: 'report the line',
  },
  'shard.restarted': {
    levels: ['warn'],
    fields: ['shard', 'latency_ms'],
    about: 'it serves again',
    act: '',
  },
  'shard.parked': {
    levels: ['error'],
    fields: ['shard', 'retry_after_ms', 'reason', ...PLACE],
    about: 'it fell again within a minute, or cannot be read, and stays down for 1 s, then 2 s, up to 60 s',
    act: 'do what `reason` says where that is why an engine does not give it; else report the line: a restart of the process does what the supervisor does',
  },
  'shard.given_up': {
    levels: ['error'],
    fields: ['shards', 'why', 'decision', 'reason'],
    about: 'their log is not what was said of it, or somebody else has it: they serve nothing until a restart',
    act: '`mailbox journal verify`, then restart; restore the last backup where it says damaged',
  },
  'shard.taken': {
    levels: ['info'],
    fields: ['shard', 'latency_ms'],
    about: 'with an engine: it is served here from now on',
    act: '',
  },
  'shard.handed_over': {
    levels: ['info'],
    fields: ['shards'],
    about: 'with an engine: another node is to serve them',
    act: '',
  },
  'engine.joined': {
    levels: ['info'],
    fields: ['node', 'url', 'engine', 'shards', 'term'],
    about: 'the engine is open, and the node is one of its cluster',
    act: '',
  },
  'engine.dismissed': {
    levels: ['warn'],
    fields: ['node', 'reason'],
    about: 'the process of a node is gone: its shards are free for others',
    act: 'look why it ended',
  },
  'clock.set': {
    levels: ['warn'],
    fields: ['by_ms', 'reason'],
    about: 'someone set the wall clock; times of capabilities and keys follow it, deadlines stay',
    act: 'see that NTP runs',
  },
  'clock.continued': {
    levels: ['info'],
    fields: ['down_ms'],
    about: 'deadlines and windows go on where they were, plus the downtime',
    act: '',
  },
  'trace.ended': {
    levels: ['warn'],
    fields: ['reason'],
    about: 'the trace (`--trace`) is not written any further; serving goes on',
    act: '',
  },
  'process.descriptors': {
    levels: ['warn'],
    fields: ['limit', 'reason'],
    about: 'fewer connections are let in than `max_connections` says',
    act: 'raise the limit of open files: `ulimit -Hn`, or `LimitNOFILE=` of the unit',
  },
  'server.not_listening': {
    levels: ['error'],
    fields: ['address', 'reason'],
    about: 'it had stopped listening there for want of descriptors, and cannot listen again; it is tried once a second',
    act: '`EADDRINUSE`: stop whoever has taken the address; `EMFILE`: raise the limit of open files',
  },
  'process.dumps': {
    levels: ['warn'],
    fields: ['reason'],
    about: 'core dumps and tracing by the same user could not be turned off',
    act: 'turn off core dumps from outside',
  },
  'process.warning': {
    levels: ['warn'],
    fields: [...PLACE],
    about: 'Node has something to say',
    act: 'report the line',
  },
  'process.failed': {
    levels: ['error'],
    fields: [...PLACE],
    about: 'a defect of ours outside of every request: the process ends with exit code 1',
    act: 'report the line; start it again',
  },
  'log.dropped': {
    levels: ['error'],
    fields: ['lines', 'decisions'],
    about: 'here lines are missing: whoever reads the log was slow, gone, or out of space',
    act: 'look at the reader of the log',
  },
} as const satisfies Readonly<Record<string, EventRow>>;

type Rows = typeof LOG_EVENTS;
export type LogEvent = keyof Rows;
/** Events that a line of this level may be of. */
export type EventAt<L extends LogLevel> = {
  [E in LogEvent]: L extends Rows[E]['levels'][number] ? E : never;
}[LogEvent];
/** Fields of an event, with any values. */
export type FieldsOf<E extends LogEvent> = { readonly [F in Rows[E]['fields'][number]]?: unknown };
