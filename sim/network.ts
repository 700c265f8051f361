import type { Reply } from '../src/service/messages.ts';
import { type Answered, type Call, type Client, copyId, type Exchange } from './call.ts';
import type { Group } from './capabilities.ts';
import type { FaultLog } from './fault-log.ts';
import type { Loop } from './loop.ts';
import type { MailboxNode } from './node.ts';
import type { Watch } from './watch.ts';

/** Clients of a group, or everyone, as seen from one node. */
export interface Link {
  readonly node: number;
  readonly who: Group | 'all';
}
export type Direction = 'both' | 'requests' | 'replies';

type Trouble = Link &
  (
    | { readonly kind: 'partition'; readonly direction: Direction }
    | { readonly kind: 'delay' | 'slow_reader'; readonly byMs: number }
  );

/** A server cuts a reader that is slower than this. */
const WRITE_TIMEOUT_MS = 5_000;

/** The links between clients and nodes. What is dropped is never heard of; a timeout is all a client has. */
export class Network {
  private readonly loop: Loop;
  private readonly nodes: readonly MailboxNode[];
  private readonly faults: FaultLog;
  private readonly watch: Watch;
  /** What is wrong with links now. */
  private troubles: readonly Trouble[] = [];

  constructor(loop: Loop, nodes: readonly MailboxNode[], faults: FaultLog, watch: Watch) {
    this.loop = loop;
    this.nodes = nodes;
    this.faults = faults;
    this.watch = watch;
  }

  /** Returns what ends it. */
  trouble(trouble: Trouble): () => void {
    this.troubles = [...this.troubles, trouble];
    return () => {
      this.troubles = this.troubles.filter((other) => other !== trouble);
    };
  }

  heal(): void {
    this.troubles = [];
  }

  /** Makes a call in this same millisecond, after everything else that happens in it; `answer` is called once. */
  call(call: Call, answer: Answered): void {
    this.loop.after(0, 'call', call.id, () => this.leave(call, answer));
  }

  /** A call leaves its client now. */
  leave(call: Call, answer: Answered): void {
    const { loop, watch } = this;
    loop.mark('call', call.id);
    watch.called(call);
    const exchanges: Exchange[] = [];
    let open = true;
    const finish = (reply: Reply | null): void => {
      open = false;
      watch.answered(call, reply);
      answer(reply);
    };
    loop.at(loop.nowMs + call.timeoutMs, 'timeout', call.id, () => {
      if (!open) return;
      loop.mark('timeout', call.id);
      for (const exchange of exchanges) this.hangUp(exchange);
      finish(null);
    });
    for (const [i, copy] of call.copies.entries()) {
      const extraMs = this.pass(call, 'requests');
      if (extraMs === null) continue;
      loop.at(loop.nowMs + copy.outMs + extraMs, 'request', copyId(call, i), () => {
        const exchange: Exchange = {
          call,
          copy: i,
          closed: copy.end === 'gone',
          reply: (reply) => {
            if (copy.end === 'lost') return this.faults.began('lost_reply', loop.nowMs);
            this.back(call, i, reply, (arrived) => open && finish(arrived));
          },
        };
        exchanges.push(exchange);
        this.nodes[call.node]?.arrive(exchange);
      });
    }
  }

  /** A reply on its way back to the client. */
  private back(call: Call, copy: number, reply: Reply | null, arrive: (reply: Reply | null) => void): void {
    const extraMs = this.pass(call, 'replies');
    if (extraMs === null) return;
    const { loop } = this;
    loop.at(loop.nowMs + call.copies[copy]!.backMs + extraMs, 'reply', copyId(call, copy), () => {
      loop.mark('reply', copyId(call, copy));
      arrive(reply);
    });
  }

  /** Extra time on the way, or null when nothing passes. */
  private pass(call: Call, direction: 'requests' | 'replies'): number | null {
    if (this.troubles.length === 0) return 0;
    let extraMs = 0;
    for (const trouble of this.troubles) {
      if (trouble.node !== call.node || !isOf(call.by, trouble.who)) continue;
      if (trouble.kind === 'partition') {
        if (trouble.direction === 'both' || trouble.direction === direction) return null;
        continue;
      }
      if (trouble.kind === 'slow_reader' && direction === 'requests') continue;
      if (trouble.kind === 'slow_reader' && trouble.byMs > WRITE_TIMEOUT_MS) return null;
      extraMs += trouble.byMs;
    }
    return extraMs;
  }

  /** The client closes its connection; the node notices a little later, unless nothing passes. */
  private hangUp(exchange: Exchange): void {
    const { call, copy } = exchange;
    const extraMs = this.pass(call, 'requests');
    if (extraMs === null) return;
    this.loop.at(this.loop.nowMs + call.copies[copy]!.outMs + extraMs, 'hangup', copyId(call, copy), () => {
      this.nodes[call.node]?.hangUp(exchange);
    });
  }
}

const isOf = (client: Client, who: Group | 'all'): boolean => who === 'all' || client.group === who;
