import type { View } from './view.ts';

/** One message under watch. */
export interface Tracked {
  readonly msgId: string;
  readonly shard: number;
  readonly topic: TopicLine;
  readonly idemKey: string;
  readonly payloadHash: string;
  /** Place in its topic, in the order of the sends. */
  readonly seq: number;
  /** As the running process must have it. */
  readonly live: View;
  /** Numbers of the facts that sent it, leased it last and changed it last, as the log of its shard counts them. */
  sentBy: number;
  leasedBy: number;
  changedBy: number;
  inLine: boolean;
  /** Some reply said that the send was accepted, that the ack was. */
  promised: boolean;
  ackPromised: boolean;
}

/** The pending messages of a topic in send order, and its dead letters in the order of their deaths. */
export class TopicLine {
  readonly name: string;
  lastSeq = 0;
  /** Live idempotency entries by key. */
  readonly windows = new Map<string, Tracked>();
  /** In the order of their deaths. */
  dead = new Set<Tracked>();
  private line: Tracked[] = [];
  private head = 0;
  private left = 0;

  constructor(name: string) {
    this.name = name;
  }

  enter(message: Tracked): void {
    message.inLine = true;
    const last = this.line[this.line.length - 1];
    if (last === undefined || last.seq < message.seq) {
      this.line.push(message);
      return;
    }
    const at = this.placeOf(message.seq);
    if (this.line[at] === message) this.left--;
    else this.line.splice(at, 0, message);
    this.head = Math.min(this.head, at);
  }

  leave(message: Tracked): void {
    message.inLine = false;
    this.left++;
    while (this.line[this.head]?.inLine === false) this.head++;
    if (this.left > 32 && this.left * 2 > this.line.length) this.compact();
  }

  private compact(): void {
    this.line = this.line.filter((message) => message.inLine);
    this.head = 0;
    this.left = 0;
  }

  /** Index of the first with at least this sequence number. */
  private placeOf(seq: number): number {
    let low = 0;
    let high = this.line.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.line[middle]!.seq < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The message that recv must give at this time (LE1); undefined when none is available. */
  firstAvailable(nowMs: number): Tracked | undefined {
    for (let i = this.head; i < this.line.length; i++) {
      const message = this.line[i]!;
      if (message.inLine && message.live.isWaiting && message.live.timerAtMs <= nowMs) return message;
    }
    return undefined;
  }

  /** A leased message whose deadline has passed. */
  firstOverdue(nowMs: number): Tracked | undefined {
    for (let i = this.head; i < this.line.length; i++) {
      const message = this.line[i]!;
      if (message.inLine && message.live.state === 'leased' && message.live.timerAtMs <= nowMs) return message;
    }
    return undefined;
  }

  /** Takes everything out, to be entered anew. */
  clear(): void {
    this.line = [];
    this.head = 0;
    this.left = 0;
    this.windows.clear();
    this.dead.clear();
  }
}
