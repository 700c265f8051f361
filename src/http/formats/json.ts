import { refuses } from '../../api/errors.ts';
import type { SchemaName } from '../../api/schemas.ts';
import type { Capability } from '../../auth/authorize.ts';
import type { Item } from '../../node/requests.ts';
import type { AckRequest, Reply } from '../../service/messages.ts';
import { check } from '../check.ts';
import { answerOf, done, errorOf, original } from '../reply.ts';
import { type Asked, asked, isRefused, refusedIn } from './asks.ts';
import type { From, Verb } from './verbs.ts';

/** A body in JSON, or the query of a GET, and who sent it how. */
export interface Input extends From {
  readonly value: unknown;
  readonly capability: Capability;
  /** What `X-Idempotency-Mode` says. */
  readonly flag200: boolean;
}

/** One request, alone in its body. @throws Malformed */
export function alone<N extends SchemaName>(schema: N, verb: Verb<N>, input: Input): Asked {
  const { capability, corrId, flag200 } = input;
  const request = verb.request(check(schema, input.value), input);
  return {
    asks: [{ request, capability }],
    answer: (replies, nowMs) => {
      const reply = replies[0] as Reply;
      const answer = answerOf(reply, corrId, () => verb.body(reply, request, nowMs), isRefused(reply, flag200));
      const isPlain = reply.ackOutcomes === undefined || reply.ackOutcomes.length === 0 || answer.status !== 200;
      return isPlain ? answer : { ...answer, ...refusedIn(replies, flag200) };
    },
  };
}

/** Several, answered by `{"results": [..]}` in their order. @throws Malformed for what is no list of items */
export function batch<N extends SchemaName>(schema: SchemaName, item: N, verb: Verb<N>, input: Input): Asked {
  const { value, capability, corrId, flag200 } = input;
  const [items = []] = Object.values(check(schema, value)) as unknown[][];
  const asks = items.map((body) => asked(capability, () => verb.request(check(item, body), { msgId: '', corrId })));
  return {
    asks,
    answer: (replies, nowMs) => {
      const results = replies.map((reply, i) => {
        const { request } = asks[i] as Partial<Item>;
        if (request !== undefined && !isRefused(reply, flag200)) return verb.body(reply, request, nowMs);
        return failed(reply, (request as Partial<AckRequest> | undefined)?.msgId);
      });
      return { ...done(`{"results":[${results.join(',')}]}`), ...refusedIn(replies, flag200) };
    },
  };
}

/** The result of an item that was refused; `named` is the message that it was about, where it names one. */
function failed(reply: Reply, named: string | undefined): string {
  if (!refuses(reply.outcome)) throw new Error('batch: no refusal');
  return JSON.stringify(errorOf(reply.outcome, reply.message, undefined, original(reply) ?? named));
}
