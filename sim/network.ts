import type { Reply, Request } from '../src/service/messages.ts';
import type { Loop } from './loop.ts';
import type { MailboxNode } from './node.ts';
import type { Range, Stream } from './random.ts';

/** How the network treats one message, each way. Probabilities 0..1. */
export interface NetworkRules {
  readonly latencyMs: Range;
  readonly drop: number;
  readonly duplicate: number;
  /** Another latency for this message: it may overtake and be overtaken. */
  readonly reorder: number;
  readonly lostReply: number;
  /** The client is gone when its reply is about to be written. */
  readonly gone: number;
}

const REORDER_FACTOR = 10;

/** The links between clients and the node. What is dropped is never heard of; the client's timeout is all it has. */
export class Network {
  rules: NetworkRules;
  /** While true nothing passes in this direction. */
  cutRequests = false;
  cutReplies = false;
  readonly injected: Record<string, number> = {};
  private readonly loop: Loop;
  private readonly random: Stream;
  private readonly node: MailboxNode;
  private calls = 0;

  constructor(loop: Loop, random: Stream, node: MailboxNode, rules: NetworkRules) {
    this.loop = loop;
    this.random = random;
    this.node = node;
    this.rules = rules;
  }

  private inject(fault: string): true {
    this.injected[fault] = (this.injected[fault] ?? 0) + 1;
    return true;
  }

  private latency(): number {
    const { latencyMs, reorder } = this.rules;
    const ms = this.random.within(latencyMs);
    return this.random.chance(reorder) && this.inject('reorder') ? ms * REORDER_FACTOR : ms;
  }

  /** Asks the node; `answer` gets the first reply, or null after `timeoutMs` without one. */
  call(token: string, request: Request, timeoutMs: number, answer: (reply: Reply | null) => void): void {
    const id = ++this.calls;
    let open = true;
    const finish = (reply: Reply | null): void => {
      if (!open) return;
      open = false;
      answer(reply);
    };
    this.loop.after(timeoutMs, 'timeout', id, () => finish(null));
    const copies = this.random.chance(this.rules.duplicate) && this.inject('duplicate') ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (this.cutRequests && this.inject('partition')) continue;
      if (this.random.chance(this.rules.drop) && this.inject('drop')) continue;
      this.loop.after(this.latency(), 'request', id, () => {
        this.node.request(token, request, (reply) => this.back(id, reply, finish));
      });
    }
  }

  private back(id: number, reply: Reply, finish: (reply: Reply) => void): void {
    if (this.random.chance(this.rules.gone) && this.inject('gone')) return this.node.release(reply);
    if (this.cutReplies && this.inject('partition')) return;
    if (this.random.chance(this.rules.lostReply) && this.inject('lost_reply')) return;
    this.loop.after(this.latency(), 'reply', id, () => finish(reply));
  }
}
