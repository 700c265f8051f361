import { FOUND, type MessageVariables, type TraceHeader, type TraceStep, VARIABLE_NAMES } from './format.ts';
import { linesOf, parseHeader, parseStep, TraceError } from './parse.ts';
import { type Asked, type Branch, RULES } from './rules.ts';
import { type SpecMessage, SpecShard } from './spec-shard.ts';

/** Why a branch of an action cannot be what the step was. */
export interface Refused {
  readonly branch: string;
  /** The first conjunct that does not hold, or null when only what came of it differs. */
  readonly conjunct: string | null;
  /** Variables that the branch makes other than the step says. */
  readonly differs: readonly { readonly variable: string; readonly expected: unknown; readonly actual: unknown }[];
}

/** The first step that no behaviour of the specification can have there. */
export interface Mismatch {
  readonly line: number;
  readonly step: TraceStep;
  readonly says: string;
  /** The message before the step. */
  readonly before: MessageVariables | null;
  readonly refused: readonly Refused[];
  /** Other actions that could have been the step, as its variables are. */
  readonly couldBe: readonly string[];
}

export interface TraceResult {
  readonly header: TraceHeader;
  /** Steps that are a behaviour of the specification, from the first on. */
  readonly matched: number;
  /** Null when all of the trace is one. */
  readonly mismatch: Mismatch | null;
}

/** Takes a trace step by step. */
export class TraceChecker {
  readonly header: TraceHeader;
  matched = 0;
  private readonly shards = new Map<number, SpecShard>();
  /** Leases of all shards. */
  private inflight = 0;
  private readonly seen = new Set<string>();

  constructor(header: TraceHeader) {
    this.header = header;
  }

  /** Null when the step is one that the specification has here. `line` is where it stands. @throws TraceError */
  take(step: TraceStep, line: number): Mismatch | null {
    if (step.seq !== this.matched + 1)
      throw new TraceError(
        line,
        `seq: ${step.seq}, expected ${this.matched + 1}: a line is missing, double or out of order`,
      );
    const shard = this.shards.get(step.shard) ?? new SpecShard(this.header.constants);
    this.shards.set(step.shard, shard);
    const begun = shard.isBegun;
    if (step.action !== FOUND) shard.isBegun = true;
    const mismatch =
      step.action === 'Recover'
        ? this.recover(shard, step)
        : step.action === FOUND
          ? this.find(shard, step, line, begun)
          : this.step(shard, step, line, begun);
    if (mismatch === null) this.matched++;
    return mismatch;
  }

  /** The trace begins in the middle: this message is there, in one of the states that the specification gives it. */
  private find(shard: SpecShard, step: TraceStep, line: number, begun: boolean): Mismatch | null {
    const msgId = step.msg_id as string;
    const refuse = (says: string): Mismatch => ({ line, step, says, before: null, refused: [], couldBe: [] });
    if (begun) return refuse(`${msgId} is found after the first step of its shard`);
    if (this.seen.has(msgId)) return refuse(`${msgId} is found twice`);
    if (step.at_ms < shard.nowMs) return refuse(`time goes back from ${shard.nowMs} to ${step.at_ms}`);
    this.seen.add(msgId);
    shard.nowMs = step.at_ms;
    const message = shard.absent(msgId, step.topic as string, step.idem_key as string);
    const found = { ...shard.variablesOf(message), ...step.changes };
    const wrong = unlikeAny(found);
    if (wrong !== null) return refuse(`${msgId} cannot be found so: ${wrong}`);
    if (found.window > 0 && shard.keys.has(message.key)) return refuse(`two live messages of key ${message.key}`);
    this.become(shard, message, found);
    return null;
  }

  /** Crash and Recover: a process took over; its clock may say less than the last one's. */
  private recover(shard: SpecShard, step: TraceStep): null {
    if (step.at_ms < shard.nowMs) shard.setBack(step.at_ms);
    shard.pass(step.at_ms);
    return null;
  }

  private step(shard: SpecShard, step: TraceStep, line: number, begun: boolean): Mismatch | null {
    const mismatch = (says: string, more: Partial<Mismatch> = {}): Mismatch => ({
      ...{ line, step, says, before: null, refused: [], couldBe: [] },
      ...more,
    });
    if (step.at_ms < shard.nowMs) return mismatch(`time goes back from ${shard.nowMs} to ${step.at_ms}`);
    if (step.at_ms > shard.nowMs) {
      // What was found may be overdue: the time it was found at is that of the last fact before.
      const undone = begun ? shard.mayPass() : null;
      if (undone !== null) return mismatch(`time passes from ${shard.nowMs} to ${step.at_ms}, but ${undone}`);
      shard.pass(step.at_ms);
    }
    const msgId = step.msg_id as string;
    const message = shard.find(msgId) ?? this.newcomer(shard, step, msgId);
    if (message === null) return mismatch(`${msgId} was never sent`);
    const before = shard.variablesOf(message);
    const after = { ...before, ...step.changes };
    const asked: Asked = { shard, message, before, after, inflight: this.inflight };
    const branches = RULES[step.action] as readonly Branch[];
    for (const branch of branches) {
      if (refusal(branch, asked) !== null) continue;
      this.become(shard, message, after);
      return null;
    }
    const refused = branches.map((branch) => refusal(branch, asked) as Refused);
    return mismatch(`no ${step.action} of ${msgId} does this`, {
      before,
      refused,
      couldBe: othersThan(step.action, asked),
    });
  }

  private newcomer(shard: SpecShard, { action, topic, idem_key }: TraceStep, msgId: string): SpecMessage | null {
    if (action !== 'Send' || this.seen.has(msgId)) return null;
    this.seen.add(msgId);
    return shard.absent(msgId, topic as string, idem_key as string);
  }

  private become(shard: SpecShard, message: SpecMessage, now: MessageVariables): void {
    this.inflight -= shard.inflight;
    shard.become(message, now);
    this.inflight += shard.inflight;
  }
}

/**
 * What no message has in any state, whatever the constants were when it came to it (`tla/Mailbox.tla` TypeOK, SingleLeaseProp);
 * null for nothing.
 */
function unlikeAny({
  state,
  attempt,
  epoch,
  receipt,
  timer,
  left,
  visibility,
  reason,
}: MessageVariables): string | null {
  const leased = state === 'leased';
  if (state === 'absent') return 'state = absent';
  if (attempt > epoch) return `attempt = ${attempt}, epoch = ${epoch}`;
  if (receipt !== (leased ? epoch : 0)) return `receipt = ${receipt} of epoch ${epoch}, ${state}`;
  if (leased ? visibility === 0 || timer > left : visibility + left > 0) return `a lease that is none, ${state}`;
  return (state === 'dead_lettered') === (reason !== 'none') ? null : `reason = ${reason}, ${state}`;
}

/** Null when the branch may have been the step. */
function refusal(branch: Branch, asked: Asked): Refused | null {
  for (const { says, holds } of branch.guards)
    if (!holds(asked)) return { branch: branch.name, conjunct: says, differs: [] };
  const expected = branch.becomes(asked);
  const { after } = asked;
  let differs: Refused['differs'] | null = null;
  for (const variable of VARIABLE_NAMES) {
    if (expected[variable] === after[variable]) continue;
    differs = [...(differs ?? []), { variable, expected: expected[variable], actual: after[variable] }];
  }
  return differs === null ? null : { branch: branch.name, conjunct: null, differs };
}

const othersThan = (action: string, asked: Asked): string[] =>
  Object.entries(RULES)
    .filter(([name, branches]) => name !== action && branches.some((branch) => refusal(branch, asked) === null))
    .map(([name]) => name);

/** Checks a whole trace. @throws TraceError when it cannot be read */
export function checkTrace(text: string): TraceResult {
  const lines = linesOf(text);
  const first = lines.next();
  if (first.done === true) throw new TraceError(1, 'empty: a trace begins with a header');
  const checker = new TraceChecker(parseHeader(first.value));
  let line = 1;
  for (const next of lines) {
    line++;
    const mismatch = checker.take(parseStep(next, line), line);
    if (mismatch !== null) return { header: checker.header, matched: checker.matched, mismatch };
  }
  return { header: checker.header, matched: checker.matched, mismatch: null };
}
