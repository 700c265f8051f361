type Field =
  | readonly ['projected', variable: string]
  /** Never changes once it is made. */
  | readonly ['fixed', because: string]
  | readonly ['irrelevant', because: string];

const AUDITED = 'which the audit checks';

/**
 * Every field of the code's state in a model of capabilities, and where it is in `tla/Capability.tla`. A test holds this table
 * to the classes: no field may be missing, each projected one must show in the bytes, and a fixed one may never change.
 */
export const CAPABILITY_FIELDS: Readonly<Record<string, Readonly<Record<string, Field>>>> = {
  Authority: {
    ring: ['projected', 'ring'],
    revocations: ['projected', 'revoked'],
    cache: ['projected', 'entry'],
    refused: ['projected', 'refused'],
    remote: ['projected', 'misses'],
    clock: ['fixed', 'time is what is left of every time'],
    formats: ['fixed', 'the formats that are accepted'],
    onPurge: ['fixed', 'tells the log'],
    version: ['irrelevant', 'only grows, and makes capabilities look again'],
    quotas: ['irrelevant', 'counts operations of capabilities that are good already (AU2)'],
    refusedWork: ['irrelevant', 'counts what capabilities had refused (BD4), and decides about none of them'],
    throttle: ['irrelevant', 'counts failures by sender (AU5), and decides about no capability'],
    spikes: ['irrelevant', 'counts failures until the cache is emptied: Purge may happen at any time'],
    purges: ['irrelevant', 'a count for the metrics'],
  },
  CapabilityCache: {
    entries: ['projected', 'entry'],
    byNonce: ['irrelevant', `an index over the entries, ${AUDITED}`],
    capacity: ['fixed', 'making room is a Purge of less'],
    ttlMs: ['irrelevant', 'the constant Ttl; a reload changes it'],
    evictions: ['irrelevant', 'a count for the metrics'],
  },
  CacheEntry: {
    untilMs: ['projected', 'entry'],
    value: ['irrelevant', 'the capability that its token says'],
  },
  Capability: {
    vouchedUntilMs: ['projected', 'held'],
    nonce: ['fixed', 'NonceOf'],
    keyId: ['fixed', 'key of its token'],
    root: ['irrelevant', 'the key that signed it, let go of once the ring has; none where another node vouches for it'],
    isOrphan: ['irrelevant', 'the ring let go of its key: what the ring says, remembered'],
    scope: ['fixed', 'what its caveats say: life of its token'],
    judge: ['fixed', 'the authority it belongs to'],
    id: ['fixed', 'the name of its token'],
    isProven: ['irrelevant', 'whether anything of it was not refused (BD4)'],
    said: ['irrelevant', 'what it is called in logs'],
    links: ['irrelevant', 'the names its quotas are counted by (AU2)'],
    judgedVersion: ['irrelevant', 'when revocations and keys were last looked at; behind the version they are again'],
    over: ['irrelevant', 'what revocations and keys said at that version'],
    keyEndsS: ['irrelevant', 'keys of a model do not grow old (K5 has its own tests)'],
  },
  Revocations: {
    nonces: ['projected', 'revoked'],
    keyIds: ['projected', 'revoked'],
  },
  RemoteVerifier: {
    misses: ['projected', 'misses'],
    ask: ['fixed', 'the way to the node with the keys'],
    clock: ['fixed', 'time is what is left of every time'],
    open: ['irrelevant', `the question, which the driver keeps with what is on its way, ${AUDITED}`],
    asked: ['irrelevant', `a count of questions, ${AUDITED}`],
    lines: ['irrelevant', `questions that wait for others to be answered, while a node has one at most, ${AUDITED}`],
    vouched: ['irrelevant', 'who goes first in line'],
    health: ['irrelevant', 'judged by questions of its own, which no model asks'],
    retryAtMs: ['irrelevant', 'used while the other node is silent'],
  },
  Session: {
    header: ['irrelevant', `what the connection presented last: a short way to its entry, ${AUDITED}`],
    entry: ['irrelevant', `an entry of the cache, ${AUDITED}`],
    held: ['irrelevant', 'an answer to it is held back (AU5), which decides about no capability'],
    waiting: ['irrelevant', 'requests that wait for that, whose capabilities are looked at afterwards'],
    holder: ['irrelevant', 'who stood behind a request of it, which decides about no capability'],
    doubted: ['irrelevant', 'where its questions stand in line'],
    gone: ['fixed', 'the connection of a model stays'],
  },
  Question: {
    capability: ['fixed', 'its number, in question'],
    token: ['fixed', 'the spelling of that capability'],
    askedMs: ['fixed', 'its age in question'],
    stage: ['projected', 'question'],
    ttl: ['projected', 'question'],
    joinedMs: ['projected', 'question'],
    answer: ['fixed', 'the way back'],
  },
  Held: {
    capability: ['fixed', 'its number, in held'],
    by: ['irrelevant', 'the capability it was let in with: what is left of its word is in held'],
  },
  CapabilityNode: {
    question: ['projected', 'question'],
    held: ['projected', 'held'],
    authority: ['irrelevant', 'the code itself'],
    session: ['irrelevant', 'its fields are listed'],
    answers: ['irrelevant', 'empty between steps'],
    asking: ['irrelevant', 'set before each question'],
    name: ['fixed', 'its number'],
    clock: ['fixed', 'time is what is left of every time'],
    cacheTtlMs: ['fixed', 'the constant Ttl'],
    checkpoint: ['fixed', 'what it was: no part of what it is'],
  },
};

/** Names of the fields that lead nowhere. A name is fixed in every class that has it. */
export const FIXED_FIELDS: ReadonlySet<string> = new Set(
  Object.values(CAPABILITY_FIELDS).flatMap((fields) =>
    Object.entries(fields).flatMap(([name, [kind]]) => (kind === 'fixed' ? [name] : [])),
  ),
);
