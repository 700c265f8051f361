import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Capability } from '../../src/auth/authorize.ts';
import type { CacheEntry } from '../../src/auth/cache.ts';
import { Keyring } from '../../src/auth/keyring.ts';
import { CapabilityDriver } from '../../src/model/capability.ts';
import { auditNode } from '../../src/model/capability-audit.ts';
import {
  CAPABILITY_ACTIONS,
  type CapabilityConstants,
  capabilityVariables,
  readCapabilityConstants,
} from '../../src/model/capability-constants.ts';
import { CAPABILITY_FIELDS, FIXED_FIELDS } from '../../src/model/capability-fields.ts';
import type { CapabilityNode } from '../../src/model/capability-node.ts';
import { nonceOf } from '../../src/model/capability-project.ts';
import { Waiting } from '../../src/model/capability-waiting.ts';
import { Checkpoint } from '../../src/model/checkpoint.ts';
import { widthOfState } from '../../src/model/graph.ts';
import { TLA } from '../../src/model/models.ts';
import { decode, type Value, widthOf } from '../../src/model/values.ts';
import { AuthorityBench, FULL } from '../support/authority.ts';

const C: CapabilityConstants = { ...readCapabilityConstants(TLA, 'MCRollover'), MissesMax: 2, Joins: true };

/** A driver that is led step by step: by an action and, where several have that name, by which of them. */
class Walk {
  readonly driver = new CapabilityDriver(C);
  private readonly bytes = new Uint8Array(widthOfState(capabilityVariables(C)));

  get nodes(): readonly CapabilityNode[] {
    return (this.driver as unknown as { nodes: CapabilityNode[] }).nodes;
  }

  /** What may happen now, and what each comes to. */
  steps(): [action: string, saved: ReturnType<CapabilityDriver['save']>][] {
    const found: [string, ReturnType<CapabilityDriver['save']>][] = [];
    const here = this.driver.save();
    this.driver.expand(here, this.bytes, (action) =>
      found.push([CAPABILITY_ACTIONS[action] as string, this.driver.save()]),
    );
    return found;
  }

  go(...path: readonly (string | [action: string, nth: number])[]): this {
    for (const part of path) {
      const [name, nth] = typeof part === 'string' ? [part, 0] : part;
      const step = this.steps().filter(([action]) => action === name)[nth];
      if (step === undefined)
        throw new Error(
          `${name} is not possible: ${this.steps()
            .map(([action]) => action)
            .join()}`,
        );
      this.driver.restore(step[1]);
    }
    return this;
  }

  variables(): Record<string, Value> {
    this.driver.encode(this.bytes);
    let at = 0;
    return Object.fromEntries(
      capabilityVariables(C).map(([name, type]) => {
        const value = decode(type, this.bytes, at);
        at += widthOf(type);
        return [name, value];
      }),
    );
  }
}

/** A key rolled over, a request under way at node 2 on node 1's word, and a question that another has joined. */
const sample = (): Walk => new Walk().go('Mint', 'Rotate', 'Ask', 'Judge', 'Vouch', ['Purge', 1], 'Ask', 'Join');

type Fields = Record<string, unknown>;
const inside = (object: unknown): Fields => object as Fields;

/** One object of each class, as it is in a model. */
function instances(walk: Walk): Record<string, object> {
  const [one, two] = walk.nodes as [CapabilityNode, CapabilityNode];
  const { authority } = two;
  const held = two.held!;
  return {
    CapabilityNode: two,
    Authority: authority,
    CapabilityCache: authority.cache,
    CacheEntry: [...one.inside.cache.entries.values()][0] as CacheEntry<Capability>,
    Capability: held.by,
    Revocations: authority.revocations,
    RemoteVerifier: authority.remote!,
    Session: two.session,
    Question: two.question!,
    Held: held,
  };
}

describe('capability model', () => {
  it('fields: every field of the code is projected, fixed, or irrelevant for a reason', () => {
    const all = instances(sample());
    expect(Object.keys(all).sort()).toEqual(Object.keys(CAPABILITY_FIELDS).sort());
    const variables = capabilityVariables(C).map(([name]) => name);
    for (const [name, object] of Object.entries(all)) {
      const table = CAPABILITY_FIELDS[name]!;
      expect(Object.keys(object).sort(), name).toEqual(Object.keys(table).sort());
      for (const [field, [kind, why]] of Object.entries(table)) {
        if (kind === 'projected') expect(variables, `${name}.${field}`).toContain(why);
        else expect(why.length, `${name}.${field}`).toBeGreaterThan(4);
        expect(FIXED_FIELDS.has(field), `${name}.${field}: fixed in one class, and not in another`).toBe(
          kind === 'fixed',
        );
      }
    }
  });

  it('fields: a fixed one never changes, whatever happens', () => {
    const walk = sample();
    const all = instances(walk);
    const fixed = (): unknown[] =>
      Object.entries(all).flatMap(([name, object]) =>
        Object.entries(CAPABILITY_FIELDS[name]!).flatMap(([field, [kind]]) =>
          kind === 'fixed' && field !== 'checkpoint' ? [inside(object)[field]] : [],
        ),
      );
    const before = fixed();
    const here = walk.driver.save();
    for (const [, saved] of walk.steps()) {
      walk.driver.restore(saved);
      expect(fixed()).toEqual(before);
      for (const [, next] of walk.steps()) {
        walk.driver.restore(next);
        expect(fixed()).toEqual(before);
      }
      walk.driver.restore(here);
    }
  });

  it('fields: each projected one shows in its variable, and in no other', () => {
    type Change = (one: CapabilityNode, two: CapabilityNode) => unknown;
    const token = (node: CapabilityNode): string => node.question!.token;
    const changes: Record<string, Change> = {
      ring: (one) => Object.assign(one.authority, { ring: new Keyring([one.authority.keyring!.newest]) }),
      revoked: (_one, { authority }) => authority.revocations.add({ kind: 'nonce', value: nonceOf(1), atMs: 0 }),
      entry: (one) => [...one.inside.cache.entries.values()].map((entry) => (entry.untilMs -= 5_000)),
      refused: (_one, two) =>
        (two.inside.refused as Map<string, object>).set(token(two), { failure: 'refused', untilMs: 1_800_000_005_000 }),
      misses: (_one, { authority }) => Object.assign(authority.remote!, { misses: 1 }),
      question: (_one, two) => two.question!.ttl++,
      held: (_one, two) => (two.held!.by.vouchedUntilMs -= 5_000),
    };
    const projected = Object.values(CAPABILITY_FIELDS).flatMap((table) =>
      Object.values(table).flatMap(([kind, why]) => (kind === 'projected' ? [why] : [])),
    );
    expect(Object.keys(changes).sort()).toEqual([...new Set(projected)].sort());
    for (const [variable, change] of Object.entries(changes)) {
      const walk = sample();
      const before = walk.variables();
      change(...(walk.nodes as [CapabilityNode, CapabilityNode]));
      const now = walk.variables();
      const changed = Object.keys(now).filter((name) => JSON.stringify(now[name]) !== JSON.stringify(before[name]));
      expect(changed).toEqual([variable]);
    }
  });

  it('waiting: a long poll and a stream get a payload under a capability that stands, and none under one that is over (AU3)', () => {
    const bench = new AuthorityBench();
    const capability = bench.capability(bench.token(...FULL));
    const waiting = new Waiting();
    for (let i = 0; i < 3; i++) {
      expect(waiting.message(capability)).toBe('given');
      expect(waiting.capabilitiesEnd(capability)).toBe('waits');
    }
    bench.authority.revoke('nonce', capability.nonce);
    expect(waiting.message(capability)).toBe('ended');
    expect(waiting.capabilitiesEnd(capability)).toBe('ended');
  });

  it('audit: sees an index that says other than the cache, and a word that counts for too long', () => {
    const spoil: readonly ((one: CapabilityNode, two: CapabilityNode) => unknown)[] = [
      (one) => (one.inside.cache.byNonce as Map<string, unknown>).clear(),
      (one) => (one.inside.cache.entries as Map<string, unknown>).clear(),
      (one) => [...one.inside.cache.entries.values()].map(({ value }) => (value.vouchedUntilMs = 5)),
      (_one, two) => (two.held!.by.vouchedUntilMs = Number.POSITIVE_INFINITY),
      (_one, two) => (two.inside.remote!.open as Map<string, unknown>).clear(),
      (_one, two) => (two.question!.joinedMs = null),
    ];
    for (const [i, change] of spoil.entries()) {
      const [one, two] = sample().nodes as [CapabilityNode, CapabilityNode];
      expect([auditNode(one), auditNode(two)]).toEqual([null, null]);
      change(one, two);
      expect(
        [auditNode(one), auditNode(two)].filter((wrong) => wrong !== null),
        `spoilt in way ${i}`,
      ).toHaveLength(1);
    }
  });

  it('checkpoint: a graph of objects is put back, in the same objects, with the order of its maps', () => {
    class Box {
      private readonly map = new Map<string, { n: number }>([
        ['a', { n: 1 }],
        ['b', { n: 2 }],
      ]);
      private readonly set = new Set([1, 2]);
      private readonly list = [[1], [2]];
      private readonly numbers = new Float64Array([1, 2]);
      self: Box | null = this;
      kept = { changes: 0 };
      change(): void {
        const a = this.map.get('a')!;
        a.n = 9;
        this.map.delete('a');
        this.map.set('a', a).set('c', { n: 3 });
        this.set.delete(1);
        this.set.add(1);
        this.list.pop();
        this.list[0]!.push(7);
        this.numbers[1] = 5;
        this.self = null;
        this.kept.changes++;
      }
    }
    const box = new Box();
    const before = inspect(box, { depth: null });
    const checkpoint = new Checkpoint(box, (field) => field === 'kept');
    for (let times = 1; times <= 2; times++) {
      box.change();
      expect(inspect(box, { depth: null })).not.toBe(before);
      checkpoint.restore();
      expect(box.kept.changes).toBe(times);
      box.kept.changes = 0;
      expect(inspect(box, { depth: null })).toBe(before);
      box.kept.changes = times;
    }
    const bytes = new Uint8Array(8);
    const views = [new DataView(bytes.buffer, 1, 2), new Uint32Array(bytes.buffer, 4, 1), new Int8Array(1)];
    const held = new Checkpoint({ views }, () => false);
    bytes.fill(7);
    held.restore();
    expect([...bytes]).toEqual([7, 0, 0, 7, 0, 0, 0, 0]);
  });
});
