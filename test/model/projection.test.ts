import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { execute } from '../../src/core/execute.ts';
import { Message, type Settled, type Topic } from '../../src/core/message.ts';
import { Savepoint } from '../../src/core/savepoint.ts';
import { ShardState } from '../../src/core/state.ts';
import { audit } from '../../src/model/audit.ts';
import { widthOfState } from '../../src/model/graph.ts';
import { limitsOf, type MailboxConstants, readMailboxConstants, shardVariables } from '../../src/model/mailbox.ts';
import { TLA } from '../../src/model/models.ts';
import { FIELDS, project, receiptOf } from '../../src/model/project.ts';
import { decode, type Value, widthOf } from '../../src/model/values.ts';
import fc from '../support/properties.ts';
import { sendOf } from '../support/shard.ts';
import { Walk, walks } from '../support/walk.ts';

const BASE = readMailboxConstants(TLA, 'MCDeadLetters');
const C: MailboxConstants = {
  ...BASE,
  ...{ N: 4, TopicOf: [1, 1, 1, 1], KeyOf: [1, 2, 3, 4], SizeOf: [1, 1, 1, 1], Errors: true, SettledCapacity: 2 },
  ...{ ReadyRetention: 50, DlqRetention: 60, TReplay: 70, MaxAttempts: 3, DlqCapacity: 4, DlqMaxPerTopic: 4 },
  ...{ ShardCapacity: 4, GlobalInflight: 4, DedupCapacity: 4, InflightFactor: 3 },
};

/** Four messages: queued with a ttl, leased, redelivered after a nack, dead. */
function sample(): { state: ShardState; messages: (Message | undefined)[] } {
  const state = new ShardState(0, limitsOf(C));
  const atMs = 1000;
  const messages: (Message | undefined)[] = [undefined];
  for (let m = 1; m <= 4; m++) {
    execute(state, sendOf(atMs, 't1', `k${m}`, { ttlMs: m === 4 ? 40 : Number.POSITIVE_INFINITY }));
    messages.push([...state.messages()].find(({ seq }) => seq === m));
  }
  const recv = (): string => {
    execute(state, {
      ...{ name: 'recv', atMs, topic: 't1', receipt: receiptOf(1), visibilityMs: 10 },
      ...{ bytesMax: 99, inflightElsewhere: 0, tenantInflightElsewhere: 0 },
    });
    return receiptOf(1);
  };
  for (let m = 1; m <= 3; m++) recv();
  const nack = (m: number, deadLetter: boolean): void => {
    execute(state, {
      ...{ name: 'nack', atMs, msgId: (messages[m] as Message).msgId, receipt: receiptOf(1), jitter: 0.5 },
      ...{ reason: 'nacked', retryAfterMs: 1, deadLetter, damaged: false },
    });
  };
  nack(2, false);
  nack(3, true);
  return { state, messages };
}

function variablesOf(state: ShardState, messages: readonly (Message | undefined)[]): Record<string, Value> {
  const bytes = new Uint8Array(widthOfState(shardVariables(C)));
  project(state, messages, C, bytes);
  let at = 0;
  return Object.fromEntries(
    shardVariables(C).map(([name, type]) => {
      const value = decode(type, bytes, at);
      at += widthOf(type);
      return [name, value];
    }),
  );
}

/** Everything an instance holds: fields, private ones included, and accessors. */
const fieldsOf = (object: object): string[] => {
  const accessors = Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(object)))
    .filter(([name, { set }]) => set !== undefined && name !== '__proto__')
    .map(([name]) => name);
  return [...new Set([...Object.keys(object), ...accessors])].sort();
};

describe('projection', () => {
  it('fields: every field of the core is projected, or irrelevant for a reason', () => {
    const { state, messages } = sample();
    const instances = {
      Message: messages[1],
      ShardState: state,
      Topic: state.topics.get('t1'),
      Tenant: state.tenants.get('t1'),
      Settled: (messages[2] as Message).oldestSettled,
    };
    for (const [name, instance] of Object.entries(instances)) {
      const table = FIELDS[name as keyof typeof FIELDS];
      expect(Object.keys(table).sort(), name).toEqual(fieldsOf(instance as object));
      for (const [field, [kind, why]] of Object.entries(table)) {
        if (kind === 'projected')
          expect(
            shardVariables(C).map(([variable]) => variable),
            field,
          ).toContain(why);
        else expect(why.length, field).toBeGreaterThan(4);
      }
    }
  });

  it('fields: each projected one shows in its variable, and in no other', () => {
    const { state, messages } = sample();
    const before = variablesOf(state, messages);
    const [, queued, , dead] = [messages[1], messages[4], messages[2], messages[3]] as [
      Message,
      Message,
      Message,
      Message,
    ];
    const leased = messages[1] as Message;
    const changes: Record<string, [object: Message | Settled, value: unknown]> = {
      attempt: [queued, 2],
      epoch: [queued, 7],
      redrives: [queued, 1],
      releases: [queued, 2],
      receipt: [queued, 'r1'],
      timerAtMs: [leased, leased.timerAtMs - 3],
      leaseEndsMs: [leased, leased.leaseEndsMs - 3],
      visibilityMs: [leased, 5],
      ttlAtMs: [queued, queued.ttlAtMs - 5],
      readyAtMs: [queued, queued.readyAtMs - 5],
      deadAtMs: [dead, dead.deadAtMs - 5],
      idemUntilMs: [queued, queued.idemUntilMs - 5],
      deadReason: [dead, 'ttl'],
      lastError: [dead, 'expired'],
      untilMs: [(messages[2] as Message).oldestSettled as Settled, 1010],
    };
    for (const [field, [object, value]] of Object.entries(changes)) {
      const table = object instanceof Message ? FIELDS.Message : FIELDS.Settled;
      const [, variable] = table[field] as readonly ['projected', string];
      const was = (object as unknown as Record<string, unknown>)[field];
      Object.assign(object, { [field]: value });
      const now = variablesOf(state, messages);
      Object.assign(object, { [field]: was });
      expect(
        Object.keys(now).filter((name) => JSON.stringify(now[name]) !== JSON.stringify(before[name])),
        field,
      ).toEqual([variable]);
    }
    expect(variablesOf(state, messages)).toEqual(before);
  });

  it('savepoint: a shard that is put back does the same again, whatever happened meanwhile', () => {
    fc.assert(
      fc.property(walks, walks, (first, second) => {
        const walk = new Walk();
        for (const step of first) walk.step(step);
        const savepoint = new Savepoint();
        walk.state.save(savepoint);
        const [atMs, msgIds, receipts] = [walk.atMs, walk.msgIds.length, walk.receipts.length];
        const goOn = (): unknown[] => {
          const from = walk.recorder.facts.length;
          for (const step of second) walk.step(step);
          return walk.recorder.facts.slice(from);
        };
        const once = goOn();
        savepoint.rewind();
        walk.state.restore(savepoint);
        expect(audit(walk.state)).toBeNull();
        Object.assign(walk, { atMs });
        walk.msgIds.length = msgIds;
        walk.receipts.length = receipts;
        expect(isDeepStrictEqual(goOn(), once)).toBe(true);
        expect(audit(walk.state)).toBeNull();
      }),
      { numRuns: 300 },
    );
  });

  it('audit: sees an index that says other than the messages', () => {
    const spoil: readonly ((state: ShardState, leased: Message, topic: Topic) => void)[] = [
      (state) => state.queued++,
      (state) => state.redelivered--,
      (_state, _m, topic) => topic.leased++,
      (_state, _m, topic) => topic.remembered--,
      (state) => state.freeSlots.push(0),
      (state, m) => state.leases.remove(m),
      (state) => state.ready.shift(),
      (state) => state.windows.shift(),
      (state) => state.settled.shift(),
      (_state, m) => {
        m.receipt = null;
      },
      (_state, _m, topic) => topic.windows--,
    ];
    for (const [i, change] of spoil.entries()) {
      const { state, messages } = sample();
      expect(audit(state)).toBeNull();
      change(state, messages[1] as Message, state.topics.get('t1') as Topic);
      expect(audit(state), `spoilt in way ${i}`).not.toBeNull();
    }
  });
});
