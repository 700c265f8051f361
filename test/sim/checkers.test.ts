import { describe, expect, it } from 'vitest';
import type { Exchange } from '../../sim/call.ts';
import { type Capability, PLENTY } from '../../sim/capabilities.ts';
import { AuthorityChecker } from '../../sim/checkers/authority.ts';
import { FeedsChecker } from '../../sim/checkers/feeds.ts';
import { RedrivesChecker } from '../../sim/checkers/redrives.ts';
import { EPOCH_MS, NodeClock } from '../../sim/clock.ts';
import { Loop } from '../../sim/loop.ts';
import type { Fact } from '../../src/core/facts.ts';
import type { FactView, RedriveReport, RedriveRequest } from '../../src/service/messages.ts';

const holder = (topic: string, changed: Partial<Capability> = {}): Capability => ({
  ...{ name: `holder of ${topic}`, key: 1, nonce: 'N', ops: ['admin'], topic, expiresS: Number.POSITIVE_INFINITY },
  ...{ quotaOps: PLENTY, forged: false, ...changed },
});

describe('redrives: what is told of one (DL5)', () => {
  const asked: RedriveRequest = {
    ...{ verb: 'redrive', topic: 't', limit: 3, msgIds: null, reason: null, ratePerS: null, dryRun: false },
  };
  const report = (changed: Partial<RedriveReport> = {}): RedriveReport => ({
    ...{ id: 'R', topic: 't', dryRun: false, state: 'running', endedBy: null, moved: 1, skipped: 0, failed: 0 },
    ...{ reasons: {}, failures: [], startedAt: '', endedAt: null, ...changed },
  });

  /** A redrive that has begun; `says`: what is wrong with the next report. */
  function begun(request: RedriveRequest = asked, capability = holder('t')) {
    const clock = new NodeClock(new Loop(), 0);
    clock.begin(null);
    const authority = new AuthorityChecker(clock);
    const checker = new RedrivesChecker(authority, clock, true);
    checker.asked(request, capability);
    const told = checker.begun(request, capability, []).seen?.({ outcome: 'ok', redrive: report() });
    const says = (redrive: RedriveReport, verb: 'redrive_show' | 'redrive_cancel' = 'redrive_show') =>
      checker.named({ verb, id: 'R' }, holder('t'), false).seen?.({ outcome: 'ok', redrive });
    return { authority, checker, told, says };
  }

  it('that it goes on, and ends, is well', () => {
    const { told, says } = begun();
    expect([told, says(report({ moved: 2 })), says(report({ moved: 3, state: 'done' }))]).toEqual([null, null, null]);
  });

  const wrong: [string, Partial<RedriveReport>, RegExp][] = [
    ['less than before', { moved: 0 }, /^1 were moved, and now 0$/],
    ['more than its limit', { moved: 4 }, /^4 are moved of 3$/],
    ['other failures than it counts', { skipped: 1 }, /^0 failures are told of 1$/],
    ['an end by a drain', { state: 'ended', endedBy: 'draining' }, /ended with a drain/],
    ['an end by a shard that did not fall', { state: 'ended', endedBy: 'starting' }, /none fell/],
  ];
  it.each(wrong)('%s', (_, changed, what) => {
    expect(begun().says(report(changed))).toMatch(what);
  });

  it('more than its rate allows, and running when it was cancelled or its capability revoked', () => {
    expect(begun({ ...asked, ratePerS: 1 }).says(report({ moved: 2 }))).toBe('2 are moved, and by its rate 1 may be');
    expect(begun().says(report(), 'redrive_cancel')).toBe('it was cancelled, and is running');
    const { authority, says } = begun();
    authority.revoke('N');
    expect(says(report())).toBe('its capability is revoked, and it is running');
  });

  it('one that is over stays as it was, and is no news to whoever may not ask', () => {
    const { checker, says } = begun();
    expect(says(report({ state: 'done' }))).toBe(null);
    expect(says(report({ state: 'done', moved: 2 }))).toMatch(/^it was over/);
    expect(checker.named({ verb: 'redrive_show', id: 'R' }, holder('u'), false).outcomes).toEqual(['not_found']);
  });

  it('nothing is put back when all who asked have ended, or of what died later', () => {
    const { checker, says } = begun();
    const died = EPOCH_MS;
    expect(() => checker.putBack('t', died)).not.toThrow();
    expect(() => checker.putBack('t', died + 1)).toThrow('DL5');
    expect(() => checker.putBack('u', died)).toThrow('DL5');
    says(report({ state: 'done' }));
    expect(() => checker.putBack('t', died)).toThrow('DL5');
    const ended = begun(asked, holder('t', { expiresS: -121 }));
    expect(() => ended.checker.putBack('t', died)).toThrow('DL5');
  });
});

describe('feeds: what they tell (B10, AU7)', () => {
  const acked = (n: number): Fact => ({ name: 'acked', atMs: n, msgId: `M${n}`, settledUntilMs: n });
  const view = (n: number, topic: string): FactView =>
    ({ told: { n, fact: 'acked', msgId: `M${n}`, topic }, cursor: `x-${n}` }) as FactView;

  /** A feed of all that begins with `a`, under a capability for `a.`; facts are of topics a.1, b.2, a.3, b.4 .. */
  function listening() {
    const feeds = new FeedsChecker((msgId) => topicOf(Number(msgId.slice(1))));
    feeds.synced([1, 2, 3, 4, 5].map(acked));
    const ask = { verb: 'feed', topic: null, prefix: '', after: null, waitMs: 1, takesMs: 1 };
    const exchange = { call: { ask, capability: holder('a.') } } as unknown as Exchange;
    feeds.opened(exchange, 'x-0');
    return (...facts: FactView[]) => feeds.told(exchange, facts);
  }
  const topicOf = (n: number): string => `${n % 2 === 1 ? 'a' : 'b'}.${n}`;

  it('what may be seen, in order and all of it, is well', () => {
    expect(() => listening()(view(1, 'a.1'), view(3, 'a.3'), view(5, 'a.5'))).not.toThrow();
  });

  const wrong: [string, FactView[], string][] = [
    ['what may not be seen', [view(2, 'b.2')], 'AU7'],
    ['twice the same', [view(1, 'a.1'), view(1, 'a.1')], 'fact 1 is told after fact 1'],
    ['one that is left out', [view(1, 'a.1'), view(5, 'a.5')], 'fact 3 is not told, and fact 5 is'],
    ['one that is not durable', [view(1, 'a.1'), view(3, 'a.3'), view(5, 'a.5'), view(7, 'a.7')], '7 is told of 5'],
    ['another than it was', [{ ...view(1, 'a.1'), told: { ...view(3, 'a.3').told, n: 1 } }], 'fact 1 was acked of M1'],
  ];
  it.each(wrong)('%s', (_, facts, what) => {
    expect(() => listening()(...facts)).toThrow(what);
  });
});
