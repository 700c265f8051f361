import { DEFAULT_LIMITS } from '../core/limits.ts';
import { isFair } from '../core/share.ts';
import type { PastAsk, PastReader, PastReading, PastStep } from '../ports/past.ts';
import { type LoadedProgram, loadProgram } from './loaded-program.ts';
import type { ServedEnd } from './shard-images.ts';
import { type LendDescriptors, THREAD_DESCRIPTORS } from './worker-compactor.ts';

/** What the thread is to read. */
export interface PastJob {
  readonly folder: string;
  readonly end: ServedEnd;
  readonly ask: PastAsk;
}

/** Readings that wait for their turn, and how tenants share that: it is no setting, nor are they. */
const WAITING_MAX = 64;
const { tenantShare, tenantReserve } = DEFAULT_LIMITS;
/** How long one gives what it has read, while another tenant waits. */
const GIVING_MS = 2000;

interface Turn extends PastReading {
  readonly tenant: string;
  begin(): void;
}

export interface PastThreadOptions {
  readonly program?: LoadedProgram;
  readonly nowMs?: () => number;
}

/**
 * Reads the past in a thread of its own, one reading after the other: each replays what is kept, and needs memory for what lived then.
 * Tenants take turns (BD5), and one whose reader takes its time goes back into the line.
 */
export class PastThread implements PastReader {
  private readonly program: LoadedProgram;
  private readonly nowMs: () => number;
  private readonly folder: string;
  private readonly end: () => ServedEnd;
  private readonly lend: LendDescriptors;
  private running: Turn | null = null;
  /** By tenant, the one whose turn is next first. */
  private readonly waiting = new Map<string, Turn[]>();
  private waitingCount = 0;
  private isClosed = false;

  constructor(folder: string, end: () => ServedEnd, lend: LendDescriptors, options: PastThreadOptions = {}) {
    this.folder = folder;
    this.end = end;
    this.lend = lend;
    this.program = options.program ?? loadProgram('past-worker');
    this.nowMs = options.nowMs ?? (() => performance.now());
  }

  read(ask: PastAsk, told: (step: PastStep) => void, tenant: string): PastReading | null {
    if (this.waitingCount >= WAITING_MAX || this.isClosed || !this.mayWait(tenant)) return null;
    const turn = this.turnOf(ask, told, tenant);
    if (this.running === null) this.run(turn);
    else this.wait(turn);
    return turn;
  }

  /** The line is shared as every bound is. */
  private mayWait(tenant: string): boolean {
    const own = this.waiting.get(tenant)?.length ?? 0;
    return isFair(tenantShare, tenantReserve, WAITING_MAX, this.waitingCount, own);
  }

  private wait(turn: Turn): void {
    const others = this.waiting.get(turn.tenant);
    if (others === undefined) this.waiting.set(turn.tenant, [turn]);
    else others.push(turn);
    this.waitingCount++;
  }

  /** Takes it out of the line, if it is in there. */
  private leave(turn: Turn): void {
    const turns = this.waiting.get(turn.tenant);
    if (turns === undefined || !turns.includes(turn)) return;
    this.waitingCount--;
    const left = turns.filter((other) => other !== turn);
    if (left.length > 0) this.waiting.set(turn.tenant, left);
    else this.waiting.delete(turn.tenant);
  }

  /** The one whose turn it is; its tenant goes to the end of the line. */
  private takeWaiting(): Turn | undefined {
    for (const [tenant, [turn, ...left]] of this.waiting) {
      this.waiting.delete(tenant);
      if (left.length > 0) this.waiting.set(tenant, left);
      this.waitingCount--;
      return turn;
    }
    return undefined;
  }

  private isAwaited(tenant: string): boolean {
    return this.waiting.size > (this.waiting.has(tenant) ? 1 : 0);
  }

  private run(turn: Turn): void {
    this.running = turn;
    turn.begin();
  }

  private turnOf(ask: PastAsk, told: (step: PastStep) => void, tenant: string): Turn {
    let givingSinceMs = Number.POSITIVE_INFINITY;
    let worker: ReturnType<LoadedProgram['start']> | null = null;
    let isOver = false;
    const say = (step: PastStep): void => {
      if (isOver) return;
      isOver = step.step === 'gone' || step.step === 'end' || step.step === 'failed';
      if (step.step === 'facts' && givingSinceMs === Number.POSITIVE_INFINITY) givingSinceMs = this.nowMs();
      told(step);
    };
    const turn: Turn = {
      tenant,
      begin: () => {
        const takeBack = this.lend(THREAD_DESCRIPTORS);
        const { folder, end } = this;
        const job: PastJob = { folder, end: end(), ask };
        worker = this.program.start(job);
        worker.unref();
        worker.on('message', say);
        worker.on('error', ({ message }) => say({ step: 'failed', why: message }));
        worker.on('exit', () => {
          takeBack();
          say({ step: 'failed', why: 'the thread ended without a word' });
          this.ended(turn);
        });
      },
      next: () => {
        // Of one message there is little, and whoever asks takes it at once.
        const isLong = ask.msgId === null && this.nowMs() - givingSinceMs >= GIVING_MS;
        if (isOver || !isLong || !this.isAwaited(tenant)) return worker?.postMessage('next');
        isOver = true;
        void worker?.terminate();
        // Whoever asks for more is still taking what there was.
        setImmediate(told, { step: 'later' });
      },
      close: () => {
        isOver = true;
        this.leave(turn);
        void worker?.terminate();
      },
    };
    return turn;
  }

  private ended(turn: Turn): void {
    if (this.running !== turn) return;
    this.running = null;
    const next = this.isClosed ? undefined : this.takeWaiting();
    if (next !== undefined) this.run(next);
  }

  /** Nothing more is read. */
  close(): void {
    this.isClosed = true;
    const { running, waiting } = this;
    for (const turn of [...waiting.values()].flat()) turn.close();
    running?.close();
  }
}
