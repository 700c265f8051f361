import type { Happened, PastReader } from '../ports/past.ts';
import { CatchUp } from './catch-up.ts';
import type { Caller, Reply, ShowRequest } from './messages.ts';
import { JOURNAL_FAILED, type Spine } from './spine.ts';
import type { Earlier, Viewing } from './viewing.ts';

/** So long is looked for what is not remembered; then what is must do. */
const WITHIN_MS = 5000;
/** Facts of one message that are told, the last ones. */
const FACTS_MAX = 4096;

type Answer = (reply: Reply) => void;

interface Looking {
  readonly request: ShowRequest;
  readonly caller: Caller;
  readonly reply: Answer;
  readonly endMs: number;
  facts: Happened[];
  first: number;
  catchUp: CatchUp | null;
}

/**
 * Messages that are shown with all that happened to them: what is not remembered of it is read where it is kept, for a while (B15). Only
 * for messages that are there and in scope: what is not is refused at once, whatever could be read.
 */
export class Timelines {
  private readonly spine: Spine;
  private readonly viewing: Viewing;
  private looking: Looking[] = [];

  constructor(spine: Spine, viewing: Viewing) {
    this.spine = spine;
    this.viewing = viewing;
  }

  /** Null when it will reply itself. */
  show(request: ShowRequest, caller: Caller, nowMs: number, reply: Answer): Reply | null {
    const answer = this.viewing.show(request, caller, nowMs);
    const { reader } = this.spine;
    const topic = answer.shown?.message?.topic;
    if (reader === null || topic === undefined || answer.shown?.isComplete === true) return answer;
    return this.look(reader, topic, {
      request,
      caller,
      reply,
      endMs: nowMs + WITHIN_MS,
      facts: [],
      first: 0,
      catchUp: null,
    })
      ? null
      : answer;
  }

  /** False when too many look. */
  private look(reader: PastReader, topic: string, one: Looking): boolean {
    const { msgId } = one.request;
    const catchUp = new CatchUp(
      reader,
      { after: null, origin: null, topic, prefix: '', msgId },
      {
        begun: ({ after, eras }) => {
          this.spine.recent.knew(eras);
          one.first = after + 1;
        },
        some: () => this.take(one),
        over: (step) => this.answer(one, step.step === 'end' ? step.last : null),
      },
      this.spine.tenantOf(topic),
    );
    if (catchUp.isRefused) return false;
    one.catchUp = catchUp;
    this.looking.push(one);
    return true;
  }

  private take(one: Looking): void {
    one.facts.push(...(one.catchUp?.take()?.facts ?? []));
    if (one.facts.length <= FACTS_MAX) return;
    one.facts = one.facts.slice(-FACTS_MAX);
    one.first = (one.facts[0] as Happened).n;
  }

  /** By what is known by now. `last`: how far was read; null where that came to nothing. */
  private answer(one: Looking, last: number | null): void {
    if (!this.remove(one)) return;
    const { spine, viewing } = this;
    const { request, caller, reply, facts, first } = one;
    const earlier: Earlier | undefined = last === null ? undefined : { facts, first, last };
    spine.commit.begin();
    const failed: Reply = { outcome: 'internal' };
    spine.answer(
      reply,
      spine.attempt(() => viewing.shown(request, caller, spine.nowMs, earlier), failed, caller),
    );
  }

  private remove(one: Looking): boolean {
    const wasThere = this.looking.includes(one);
    this.looking = this.looking.filter((other) => other !== one);
    one.catchUp?.close();
    return wasThere;
  }

  tick(nowMs: number): void {
    for (const one of this.looking) if (one.endMs <= nowMs) this.answer(one, null);
  }

  nextWakeMs(): number {
    let atMs = Number.POSITIVE_INFINITY;
    for (const { endMs } of this.looking) atMs = Math.min(atMs, endMs);
    return atMs;
  }

  /** Its client is gone. */
  cancel(reply: Answer): void {
    for (const one of this.looking) if (one.reply === reply) this.remove(one);
  }

  fail(): void {
    for (const one of this.looking) if (this.remove(one)) one.reply(JOURNAL_FAILED);
  }
}
