import { describe, expect, it } from 'vitest';
import { CONTRACT } from '../../src/api/contract.ts';
import { NODE_OPS, OPS_OF } from '../../src/node/authorize.ts';
import type { Request } from '../../src/service/messages.ts';

/** What each route of the contract that takes an op asks for. */
const VERB_OF: Readonly<Record<string, Request['verb']>> = {
  ...{ send: 'send', sendBatch: 'send', recv: 'recv', recvStream: 'recv', ack: 'ack', ackBatch: 'ack' },
  ...{ nack: 'nack', nackBatch: 'nack', extend: 'extend', stats: 'stats' },
  ...{ listDeadLetters: 'dlq_list', reprocess: 'reprocess', purge: 'purge' },
  ...{ topics: 'topics', messages: 'peek', message: 'show', feed: 'peek', decisions: 'peek' },
  ...{ startRedrive: 'redrive', redrive: 'redrive_show', cancelRedrive: 'redrive_cancel' },
};

describe('ops', () => {
  it('what a route says that it takes is what the node lets its request in with (S2)', () => {
    const asked = Object.entries(CONTRACT).filter(
      ([name, { ops }]) => ops !== null && name !== 'revoke' && name !== 'node',
    );
    expect(asked.map(([name]) => VERB_OF[name] ?? name)).toEqual(asked.map(([name]) => VERB_OF[name]));
    for (const [name, { ops }] of asked) expect(ops, name).toEqual(OPS_OF[VERB_OF[name] as Request['verb']]);
    expect(new Set(asked.map(([name]) => VERB_OF[name]))).toEqual(new Set(Object.keys(OPS_OF)));
    expect(CONTRACT.node.ops).toEqual(NODE_OPS);
  });
});
