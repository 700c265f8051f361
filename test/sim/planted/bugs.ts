import { bug, type PlantedBug } from './bug.ts';

const LIFECYCLE = 'spec/lifecycle.ts';
const MACHINE = 'spec/message.machine.ts';
const DECIDE = 'src/core/decide.ts';
const APPLY = 'src/core/apply.ts';
const MESSAGE = 'src/core/message.ts';
const STATE = 'src/core/state.ts';
const DUE = 'src/core/due.ts';
const SPINE = 'src/service/spine.ts';
const SENDING = 'src/service/sending.ts';
const COMMIT = 'src/service/commit.ts';
const AUTHORIZE = 'src/auth/authorize.ts';
const CAPABILITY = 'src/auth/capability.ts';
const SEGMENT_LOG = 'src/journal/segment-log.ts';

export const PLANTED: readonly PlantedBug[] = [
  // ---- what is told
  bug(
    'snapshot-counts-anew',
    'a snapshot does not say how many facts were told before it: cursors go on elsewhere after a restart (B10)',
    'src/journal/history.ts',
    '    this.last = facts;',
    '    this.last = 0;',
  ),
  bug(
    'told-before-applied',
    'what is remembered over a restart is what the message was before the fact (B10)',
    'src/journal/replica.ts',
    "    apply(state, fact, known);\n    if (fact.name === 'recovered') return;\n    this.history.fact(fact, known ?? (state.find(fact.msgId) as Message), shard);",
    "    if (known !== undefined) this.history.fact(fact as never, known, shard);\n    apply(state, fact, known);\n    if (fact.name === 'sent') this.history.fact(fact, state.find(fact.msgId) as Message, shard);",
  ),
  // ---- durability
  bug(
    'reply-before-sync',
    'a reply leaves while its facts wait for the next append (AC1)',
    COMMIT,
    'else if (this.open.length > 0) this.held.push(held);',
    'else if (this.open.length > 0) held(true);',
  ),
  bug(
    'reply-with-outstanding',
    'a reader does not wait for the append under way (AC1)',
    COMMIT,
    'else if (this.outstanding !== null) this.outstanding.push(held);',
    '',
  ),
  bug(
    'attempts-reset-on-recovery',
    'a restart forgets how often leased messages were tried (RT4)',
    'src/core/recover.ts',
    '  advance(state, nowMs);\n}',
    '  for (const m of state.leases.values()) m.attempt = 0;\n  advance(state, nowMs);\n}',
  ),
  bug(
    'step-taken-for-downtime',
    'a process begins at the wall clock, whatever that was set by while the one before ran (TM1)',
    'src/service/service-clock.ts',
    'last === null ? wallMs : last.serviceMs + this.downMs',
    'wallMs',
  ),
  bug(
    'step-not-written-down',
    'a wall clock that is set while nothing else is to say is not told to the journal (TM1)',
    'src/service/service.ts',
    '    if (this.spine.stamps?.isDue(nowMs) === true) this.spine.commit.stampAlone();\n',
    '',
  ),
  // ---- the journal
  bug(
    'frame-not-synced',
    'a frame is written, and said to be durable without a sync (journal rule 1)',
    SEGMENT_LOG,
    'w.buffer.subarray(0, w.length), true);',
    'w.buffer.subarray(0, w.length), false);',
  ),
  bug(
    'name-not-synced',
    'the name of a new segment is not made durable (journal rule 6)',
    'src/journal/file-work.ts',
    "  yield { op: 'sync_folder', folder: '' };\n",
    '',
  ),
  bug(
    'write-error-ignored',
    'an error of a write is taken for its end (journal rule 4)',
    SEGMENT_LOG,
    '      if (lack === null) return this.fail(error);',
    '      if (lack === null) return written();',
  ),
  bug(
    'torn-tail-accepted',
    'any damaged last frame is taken for one that was cut off (journal rule 3)',
    'src/journal/scan.ts',
    "const torn = found.kind === 'none' || found.torn || acceptTornTail;",
    'const torn = true;',
  ),
  // ---- leases
  bug(
    'epoch-not-raised',
    'a second lease has the epoch of the first (LE2)',
    LIFECYCLE,
    '    message.epoch += 1;\n',
    '    message.epoch ||= 1;\n',
  ),
  bug(
    'any-receipt-settles',
    'ack and nack do not look at the receipt (LE3)',
    LIFECYCLE,
    'message.receipt !== null && event.receipt === message.receipt && event.atMs < message.timerAtMs',
    'message.receipt !== null && event.atMs < message.timerAtMs',
  ),
  bug(
    'extend-without-receipt',
    'extend takes any receipt (LE3)',
    DECIDE,
    'const data = { atMs: c.atMs, receipt: c.receipt, visibilityMs };',
    'const data = { atMs: c.atMs, receipt: message.receipt ?? c.receipt, visibilityMs };',
  ),
  bug(
    'extension-without-cap',
    'a lease may be extended for ever (LE5)',
    LIFECYCLE,
    'event.atMs + (event.visibilityMs ?? 0) <= message.leaseEndsMs',
    'event.atMs <= message.leaseEndsMs',
  ),
  bug(
    'stale-timer',
    'an extension does not move the timer of its lease in the order of timers (RT3)',
    APPLY,
    '      state.leases.update(message);\n',
    '',
  ),
  bug(
    'settled-receipt-forgotten',
    'who repeats an ack is told that the lease was lost (LE4)',
    APPLY,
    'verb, to, fact.settledUntilMs);',
    'verb, to, fact.atMs + 1000);',
  ),
  bug('release-counts', 'a lease that nobody saw costs an attempt (LE7)', LIFECYCLE, '    message.attempt -= 1;\n', ''),
  bug(
    'released-for-ever',
    'releases go uncounted for ever (LE7)',
    LIFECYCLE,
    'message.releases < limits.releasesMax',
    'message.releases <= limits.releasesMax',
  ),
  // ---- returns and dead letters
  bug(
    'one-attempt-too-many',
    'off by one at max_attempts (RT1)',
    LIFECYCLE,
    'message.attempt < limits.maxAttempts',
    'message.attempt <= limits.maxAttempts',
  ),
  bug(
    'backoff-without-ceiling',
    'backoff grows beyond backoff_max (RT1)',
    DECIDE,
    'const ceiling = Math.min(limits.backoffMaxMs, limits.backoffBaseMs * 2 ** message.attempt);',
    'const ceiling = limits.backoffBaseMs * 2 ** message.attempt;',
  ),
  bug(
    'retry-after-cut',
    'a message comes back before the time that its nack asked for (RT1)',
    DECIDE,
    'c.retryAfterMs ?? backoffMs(limits, message, c.jitter)',
    'Math.min(c.retryAfterMs ?? backoffMs(limits, message, c.jitter), limits.backoffMaxMs)',
  ),
  bug(
    'rejection-ignored',
    'a nack with dead_letter is a plain nack (RT1)',
    LIFECYCLE,
    'event.deadLetter === true',
    'false',
  ),
  bug(
    'redrive-keeps-attempts',
    'a reprocessed message has no attempt left (DL2)',
    LIFECYCLE,
    '    message.attempt = 0;\n',
    '',
  ),
  bug(
    'redrives-unbounded',
    'a dead letter can be put back for ever (DL2)',
    LIFECYCLE,
    'message.redrives < limits.maxRedrives',
    'message.redrives <= limits.maxRedrives',
  ),
  bug(
    'ttl-survives-redrive',
    'a reprocessed message dies at once of its old ttl (AC2)',
    LIFECYCLE,
    '    message.redrives += 1;\n    message.timerAtMs = event.atMs;\n    message.ttlAtMs = Number.POSITIVE_INFINITY;\n',
    '    message.redrives += 1;\n    message.timerAtMs = event.atMs;\n',
  ),
  bug(
    'dead-letters-unbounded',
    'dead letters of a topic are never one too many (DL3)',
    DECIDE,
    'topic.dead.size >= limits.dlqMaxPerTopic',
    'topic.dead.size > limits.dlqMaxPerTopic',
  ),
  {
    name: 'room-made-of-the-living',
    what: 'a dead letter too many pushes out a message that waits for a consumer (DL3)',
    patches: [
      {
        file: MACHINE,
        find: '    queued: {\n      on: {\n',
        replace: "    queued: {\n      on: {\n        purge: { target: 'purged', actions: 'close' },\n",
      },
      {
        file: MACHINE,
        find: '    redelivered: {\n      on: {\n',
        replace: "    redelivered: {\n      on: {\n        purge: { target: 'purged', actions: 'close' },\n",
      },
      {
        file: DECIDE,
        find: '  const oldest = pushedOut(state, message.topic);\n',
        replace:
          "  const full = pushedOut(state, message.topic);\n  const oldest = (full && message.state === 'leased' ? state.ready.first() : undefined) ?? full;\n",
      },
    ],
  },
  bug(
    'dead-letters-purged-early',
    'the age of a dead letter counts from when it was last ready (DL3)',
    DUE,
    'dead !== undefined && dead.deadAtMs + state.limits.dlqRetentionMs <= nowMs',
    'dead !== undefined && dead.readyAtMs + state.limits.dlqRetentionMs <= nowMs',
  ),
  // ---- idempotency
  bug(
    'window-too-short',
    'an idempotency entry lives for half of t_replay (ID1)',
    DECIDE,
    'idemUntilMs: c.atMs + limits.tReplayMs,',
    'idemUntilMs: c.atMs + Math.floor(limits.tReplayMs / 2),',
  ),
  bug(
    'ack-closes-window',
    'a key is free again once its message is acked (ID4)',
    DECIDE,
    'original !== undefined && c.atMs < original.idemUntilMs',
    "original !== undefined && original.state !== 'acked' && c.atMs < original.idemUntilMs",
  ),
  bug(
    'duplicate-when-full',
    'a full shard refuses a duplicate instead of recognising it (ID5)',
    DECIDE,
    'original !== undefined && c.atMs < original.idemUntilMs',
    'original !== undefined && c.atMs < original.idemUntilMs && state.depth < limits.shardCapacity',
  ),
  bug(
    'any-payload-is-a-duplicate',
    'another payload under a live key passes for the same message (ID3)',
    DECIDE,
    "original.payloadHash === c.payloadHash ? 'duplicate' : 'idem_mismatch'",
    "'duplicate'",
  ),
  // ---- order and bounds
  bug(
    'fresh-before-returned',
    'returned messages wait behind new ones (LE1)',
    MESSAGE,
    'return fresh.seq < returned.seq ? fresh : returned;',
    'return fresh;',
  ),
  bug(
    'missed-wake-up',
    'a delay that is over wakes no waiting consumer (LE1)',
    SPINE,
    'if (shard.waiting.size < waiting) this.polls.touchAll();',
    '',
  ),
  bug(
    'leased-not-counted',
    'leased messages do not count against the capacity (BD1)',
    STATE,
    'return this.queued + this.redelivered + this.leases.size;',
    'return this.queued + this.redelivered;',
  ),
  bug(
    'inflight-per-shard',
    'the bound on leases is held in each shard alone (BD1)',
    DECIDE,
    'const inflight = state.leases.size + c.inflightElsewhere;',
    'const inflight = state.leases.size;',
  ),
  bug(
    'drain-takes-sends',
    'a draining process goes on taking sends (BD3)',
    SENDING,
    'if (writesRefused !== null) return { outcome: writesRefused, retryAfterMs: RETRY_SATURATED_MS };',
    '',
  ),
  bug(
    'fallen-shard-lives-on',
    'a shard that fell serves on with what it had in memory (V4)',
    SPINE,
    'shards[state.shard] = state;',
    '',
  ),
  bug(
    'fact-before-it-fits',
    'the journal gets a decision before memory has taken all of it: a shard that falls over it has it all the same (V4)',
    SPINE,
    '    for (const fact of facts) this.apply(shard, fact, message, by);\n    this.commit.add(shard.shard, facts);\n',
    '    this.commit.add(shard.shard, facts);\n    for (const fact of facts) this.apply(shard, fact, message, by);\n',
  ),
  // ---- authority
  bug(
    'connection-outlives-revocation',
    'what a connection presented last is not asked about again (AU3)',
    AUTHORIZE,
    'return session.entry.value.failure() ?? session.entry.value;',
    'return session.entry.value;',
  ),
  bug(
    'cache-outlives-revocation',
    'a cached capability is good for as long as it is cached (AU3)',
    AUTHORIZE,
    'return entry.value.failure() ?? entry.value;',
    'return entry.value;',
  ),
  bug(
    'old-root-key-lives-on',
    'a capability outlives the root key it was signed with (K5)',
    CAPABILITY,
    'if (root !== null && keyring?.find(root.id) !== root) {',
    'if (root !== null && keyring === null) {',
  ),
  bug(
    'never-expires',
    'the expiry of a capability is compared in the wrong unit (TM2)',
    CAPABILITY,
    'if (nowS > this.scope.expiresS + TOLERANCE_S)',
    'if (nowS / 1000 > this.scope.expiresS + TOLERANCE_S)',
  ),
  bug(
    'prefix-ignored',
    'a capability for other topics settles messages here (LE3)',
    CAPABILITY,
    '    for (const prefix of prefixes) if (!topic.startsWith(prefix)) return false;\n',
    '',
  ),
  // ---- the process around the core
  bug(
    'quotas-forgotten',
    'a restart resets quotas (AU2)',
    'src/node/node.ts',
    "if (fact.name === 'charged' || fact.name === 'barred') authority",
    "if (fact.name === 'barred') authority",
  ),
  bug(
    'riding-acks-unchecked',
    'acks that ride along are taken from a capability that may not ack (LE8)',
    'src/node/authorize.ts',
    'return authorizeOps(exchange, capability, OPS_OF.ack) === null ? null : MAY_NOT_ACK;',
    'return null;',
  ),
  bug(
    'degraded-for-good',
    'a process that sent writers away never calls them back (BD3)',
    'spec/readiness.machine.ts',
    "degraded_writes: { on: { look: 'looking' } }",
    'degraded_writes: {}',
  ),
  bug(
    'batch-answers-reversed',
    'answers of a batch are in another order than its items',
    'src/service/service.ts',
    'reply(durable ? replies : items.map(() => JOURNAL_FAILED))',
    'reply(durable ? replies.toReversed() : items.map(() => JOURNAL_FAILED))',
  ),
  bug(
    'credit-not-held-by-the-lapsed',
    'a lease that ran out gives its credit back to the stream (B3)',
    'src/service/stream.ts',
    "if (how === 'expired') this.lapsed++;",
    "if (how === 'expired') this.left += 0;",
  ),
  bug(
    'credit-one-too-many',
    'a stream gives one message more than its credit (B3)',
    'src/service/stream.ts',
    'this.request.credit - this.leases.size - this.lapsed',
    'this.request.credit + 1 - this.leases.size - this.lapsed',
  ),
  bug(
    'stream-stalls',
    'a stream whose leases are settled is not looked at again (B3)',
    'src/service/streams.ts',
    '    stream.end(msgId, name);\n    this.touched.add(stream);',
    '    stream.end(msgId, name);',
  ),
  bug(
    'limits-not-loaded',
    'limits that are loaded while it runs are written down and not used',
    'src/service/service.ts',
    '    this.spine.useLimits(limits);\n    this.remember',
    '    this.remember',
  ),
  bug(
    'payload-to-the-revoked',
    'a reply that hands out messages leaves although its capability ended while it waited (AU3)',
    'src/node/requests.ts',
    'if (ended !== null || exchange.client.gone()) {',
    'if (exchange.client.gone()) {',
  ),
  bug(
    'verifier-never-heals',
    'a remote verifier that is well again is not believed (BD3)',
    'src/auth/verifier-health.ts',
    'if (isVerdict || (token === null && isReached)) this.silent = 0;',
    'if (isVerdict && !isReached) this.silent = 0;',
  ),
  bug(
    'drain-forgets-streams',
    'a drain leaves streams open (BD3)',
    'src/service/receiving.ts',
    '    this.streams.endIf(which, why);\n    for (const poll of this.spine.polls.takeIf(which))',
    '    for (const poll of this.spine.polls.takeIf(which))',
  ),
];

/** These take a world of their own: a schedule that ships finds each. */
export const FOUND_BY_SCHEDULE: readonly {
  readonly bug: PlantedBug;
  readonly schedule: string;
  readonly rule: string;
}[] = [
  {
    bug: bug(
      'verifier-well-for-ever',
      'a remote verifier that answers nothing is held to be well (BD3)',
      'src/auth/verifier-health.ts',
      '      else this.silent++;',
      '',
    ),
    schedule: 'verifier-down',
    rule: 'B8',
  },
  {
    bug: bug(
      'leased-not-shown',
      'a peek leaves out what is leased (AU7)',
      'src/service/viewing.ts',
      '      if (!isAsked) continue;',
      "      if (!isAsked || message.state === 'leased') continue;",
    ),
    schedule: 'observers',
    rule: 'AU7',
  },
  {
    bug: bug(
      'want-poisons',
      'an open that fails for want of descriptors is taken for a write that failed (journal rule 4)',
      'src/journal/lack.ts',
      '(error instanceof NotBegun ? lackOf(error) : null)',
      'null',
    ),
    schedule: 'descriptors-run-out',
    rule: 'JR4',
  },
  {
    bug: bug(
      'open-segment-left-out',
      'a snapshot for want of space covers full segments only: what was acked since frees nothing (journal rule 5)',
      'src/journal/compaction.ts',
      'this.compactor({ segment, at, sequence, asOfMs }',
      'this.compactor({ segment, at: FILE_HEADER_BYTES, asOfMs: 0 }',
    ),
    schedule: 'disk-consumed',
    rule: 'DeliveredLive',
  },
  {
    bug: bug(
      'reserve-never-grows',
      'the reserve is a segment, however much is live (journal rule 5)',
      'src/journal/snapshot-space.ts',
      '    return this.reserveBeside(this.mostBytes(), this.oldBytes);',
      '    return this.segmentBytes;',
    ),
    schedule: 'disk-consumed',
    rule: 'DeliveredLive',
  },
  {
    bug: bug(
      'redrive-recounts',
      'a redrive that goes on with the next process begins to count anew (DL5)',
      'src/service/redrives.ts',
      '    this.count.moved = moved;\n',
      '',
    ),
    schedule: 'redrive-tasks',
    rule: 'DL5',
  },
  {
    bug: bug(
      'redrive-takes-late-dead',
      'a redrive puts back what died after it began, and has no end (DL5)',
      'src/service/redrives.ts',
      'if (some.length >= STEP_MAX || message.ageNumber > task.lastNumber) break;',
      'if (some.length >= STEP_MAX) break;',
    ),
    schedule: 'redrive-tasks',
    rule: 'DL5',
  },
  {
    bug: bug(
      'snapshot-forgets-redrives',
      'a snapshot says nothing of redrives (DL5)',
      'src/journal/replica.ts',
      '...running, ...this.redrives.facts()];',
      '...running];',
    ),
    schedule: 'redrive-tasks',
    rule: 'DL5',
  },
];
