import { bug, type PlantedBug } from './bug.ts';

const REDRIVES = 'src/service/redrives.ts';
const SERVICE = 'src/service/service.ts';
const INDEX = 'src/core/window-index.ts';

/** Planted by someone who had not seen the checkers or the other bugs, from a list that was fixed before any of them was hunted. */
export const BY_OTHERS: readonly PlantedBug[] = [
  bug(
    'batch-one-caller',
    'all items of a batch go by the capability of the first (AU1)',
    'src/node/requests.ts',
    'if (caller?.isOf(capability) !== true) caller = new RequestCaller(capability, exchange);',
    'caller ??= new RequestCaller(capability, exchange);',
  ),
  bug(
    'stream-writes-lapsed',
    'a reader that stalled is given leases that ran out meanwhile (B3)',
    'src/node/stream-writer.ts',
    'return ending === null ? waiting.filter((delivery) => this.given?.holds(delivery)) : [];',
    'return ending === null ? waiting : [];',
  ),
  bug(
    'stream-steps-free',
    'only the first step of a stream is an operation of its quota (AU2)',
    'src/service/streams.ts',
    '    stream.paid = false;\n',
    '',
  ),
  bug(
    'feed-beats-scope',
    'a feed by prefix tells facts of topics that its capability does not allow (AU7)',
    'src/service/feeds.ts',
    'return isAsked && this.caller.allowsTopic(told.topic);',
    'return isAsked;',
  ),
  bug(
    'redrive-outlives-expiry',
    'a redrive goes on when its capability has expired (AU3)',
    REDRIVES,
    "    task.isChanged = true;\n    if (!task.caller.isValid(nowMs)) return this.end(task, 'ended', 'cap_auth', nowMs);\n",
    '    task.isChanged = true;\n',
  ),
  bug(
    'redrive-tells-again',
    'after a restart a redrive journals the failures that are journaled already (DL5)',
    REDRIVES,
    'Object.assign(this, { state, endedBy, endedMs, place, failuresTold: failures.length });',
    'Object.assign(this, { state, endedBy, endedMs, place });',
  ),
  bug(
    'redrive-cancel-any-topic',
    'whoever may redrive one topic looks at redrives of others, and cancels them (LE3)',
    REDRIVES,
    '    if (!caller.allowsTopic(task.request.topic)) return { ...NOT_FOUND, outOfScope: true };\n',
    '',
  ),
  bug(
    'drain-ends-redrives',
    'a drain ends the redrives that should go on with the next process (DL5)',
    SERVICE,
    "    if (all) this.redrives.leave('draining', nowMs);\n    else this.redrives.endIf(isOver, 'cap_auth', nowMs);\n",
    "    this.redrives.endIf(isOver, all ? 'draining' : 'cap_auth', nowMs);\n",
  ),
  bug(
    'tenant-restored-without-redelivered',
    'a restart counts no redelivered message of a tenant (BD5)',
    'src/core/state.ts',
    'tenant.ready += topic.queued + topic.redelivered;',
    'tenant.ready += topic.queued;',
  ),
  {
    name: 'window-split-counts-late',
    what: 'the index of windows counts a bucket when it has been split: nothing is moved to where it is looked for (ID1)',
    patches: [
      {
        file: INDEX,
        find: '    this.buckets++;\n    this.heads.set(bucket, 0);\n',
        replace: '    this.heads.set(bucket, 0);\n',
      },
      {
        file: INDEX,
        find: 'if (this.buckets === 2 * this.round) this.round *= 2;',
        replace: 'if (++this.buckets === 2 * this.round) this.round *= 2;',
      },
    ],
  },
  bug(
    'era-from-last',
    'a process takes the last fact of the one before for its own: the cursor of that fact is of nobody (B10)',
    'src/journal/history.ts',
    'from: this.last + 1 });',
    'from: this.last });',
  ),
  bug(
    'quota-window-anew',
    'a quota window begins anew with every restart (AU2)',
    'src/auth/quota.ts',
    'const endMs = Math.min(fact.endMs, nowMs + fact.windowMs);',
    'const endMs = nowMs + fact.windowMs;',
  ),
  bug(
    'snapshot-loses-lease-end',
    'a lease that comes out of a snapshot cannot be extended (LE5)',
    'src/core/image.ts',
    '  message.leaseEndsMs = from.leaseEndsMs;\n',
    '',
  ),
  bug(
    'row-ahead-unchecked',
    'a row whose time of sending is far from that of the others has another (LE4)',
    'src/core/row-numbers.ts',
    ' || !isShort(ahead + 32_768)) return 0;',
    ') return 0;',
  ),
  bug(
    'heap-remove-only-sinks',
    'what takes the place of an item in the middle of a heap never rises (RT3)',
    'src/core/heap.ts',
    'if (last !== item) this.moved(last, place);',
    'if (last !== item) this.sink(last, place);',
  ),
  bug(
    'last-frame-not-rewritten',
    'after a failed sync the last frame is not written again (journal rule 4)',
    'src/journal/repair.ts',
    '  yield* rewriteLast(storage, tail);\n',
    '',
  ),
  bug(
    'ninety-percent-refuses',
    'sends are refused from nine tenths of a bound on (BD3)',
    'src/node/readiness.ts',
    "refusesSends: conditions.some(({ kind }) => kind === 'unhealthy'),",
    "refusesSends: conditions.some(({ kind }) => kind !== 'partial'),",
  ),
];

/** The simulator does not find these within the minute, or no client of it can see them; each has a test that fails with it. */
export const CAUGHT_BY_TEST: readonly { readonly bug: PlantedBug; readonly why: string; readonly test: string }[] = [
  {
    bug: bug(
      'batch-rests-on-last',
      'the answer to a batch waits for the log of its last item alone (AC1)',
      SERVICE,
      '    const replies = items.map(({ request, caller }, i) => {\n',
      '    const replies = items.map(({ request, caller }, i) => {\n      this.spine.commit.begin();\n',
    ),
    why: 'no simulated client asks about two shards in one request',
    test: 'test/service/logs.test.ts',
  },
  {
    bug: bug(
      'session-outlives-ttl',
      'what a connection presented last is remembered for as long as it is open (S3)',
      'src/auth/authorize.ts',
      'session.entry !== null && nowMs < session.entry.untilMs && session.header',
      'session.entry !== null && session.header',
    ),
    why: 'the capability itself knows until when it is vouched for, and is asked every time: what is remembered for too long lets nobody in',
    test: 'test/auth/cache.test.ts',
  },
  {
    bug: bug(
      'relabel-keeps-bytes',
      'bytes stay with the tenants of before when topics become those of others (BD5)',
      'src/service/spine.ts',
      '    if (limits.tenantLabels !== tenantLabels) this.tenantBytes.count(this.shards);\n',
      '',
    ),
    why: 'few drawn worlds have tenants, little memory and other labels at once; the schedule `hostile-tenant` has',
    test: 'test/sim/schedules.test.ts',
  },
];
