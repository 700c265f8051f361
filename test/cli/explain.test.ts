import { describe, expect, it } from 'vitest';
import { run } from '../support/process.ts';

const explained = async (...words: string[]) => {
  const { code, out, err } = await run(['explain', ...words], {});
  return { code, out, err };
};

describe('explain', () => {
  it('a code: what it means, what to do, which status, who gives it', async () => {
    const { code, out } = await explained('E_LEASE_LOST');
    expect(code).toBe(0);
    for (const word of [
      'cause',
      'remedy  ',
      'status     409',
      'try again  no',
      'POST /v1/ack/{msg_id}',
      'docs/protocol.md',
    ])
      expect(out).toContain(word);
  });

  it('a code with several reasons: each; with its reason, or by the reason alone: that one', async () => {
    const all = JSON.parse((await explained('E_UNAVAILABLE', '--json')).out);
    expect(all.map(({ reason }: { reason: string }) => reason)).toEqual([
      ...['degraded_writes', 'draining', 'journal', 'verifier', 'not_owner', 'starting'],
    ]);
    const [one] = JSON.parse((await explained('E_SATURATED', 'streams', '--json')).out);
    expect(one).toMatchObject({
      ...{ code: 'E_SATURATED', reason: 'streams', status: 429, retryable: true },
      given_by: [
        { route: 'POST /v1/recv/stream', parts: ['request'] },
        { route: 'GET /v1/feed', parts: ['request'] },
        { route: 'GET /v1/feed/decisions', parts: ['request'] },
      ],
    });
    expect((await explained('streams', '--json')).out).toBe((await explained('e_saturated', 'streams', '--json')).out);
  });

  it('without a code: all of them; what the client says of no mailbox, too', async () => {
    const { out } = await explained();
    expect(out.split('\n').filter((line) => /^E_[A-Z_]+ [a-z_ ]+/.test(line)).length).toBeGreaterThan(25);
    expect((await explained('E_UNREACHABLE')).out).toContain('is a server running there?');
  });

  it('what is no code: exit 2, and nothing of it reaches the terminal as it is', async () => {
    const { code, out, err } = await explained('E_NONE\u001b[31m');
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain('no code or reason');
    expect(err).not.toContain('\u001b[31m');
  });
});
