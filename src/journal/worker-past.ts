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

/** Readings that wait for their turn. */
const WAITING_MAX = 64;

interface Turn extends PastReading {
  begin(): void;
}

/** Reads the past in a thread of its own, one reading after the other: each replays what is kept, and needs memory for what lived then. */
export class PastThread implements PastReader {
  private readonly program: LoadedProgram = loadProgram('past-worker');
  private readonly folder: string;
  private readonly end: () => ServedEnd;
  private readonly lend: LendDescriptors;
  private running: Turn | null = null;
  private waiting: Turn[] = [];
  private isClosed = false;

  constructor(folder: string, end: () => ServedEnd, lend: LendDescriptors) {
    this.folder = folder;
    this.end = end;
    this.lend = lend;
  }

  read(ask: PastAsk, told: (step: PastStep) => void): PastReading | null {
    if (this.waiting.length >= WAITING_MAX || this.isClosed) return null;
    const turn = this.turnOf(ask, told);
    if (this.running === null) this.run(turn);
    else this.waiting.push(turn);
    return turn;
  }

  private run(turn: Turn): void {
    this.running = turn;
    turn.begin();
  }

  private turnOf(ask: PastAsk, told: (step: PastStep) => void): Turn {
    let worker: ReturnType<LoadedProgram['start']> | null = null;
    let isOver = false;
    const say = (step: PastStep): void => {
      if (isOver) return;
      isOver = step.step === 'gone' || step.step === 'end' || step.step === 'failed';
      told(step);
    };
    const turn: Turn = {
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
      next: () => worker?.postMessage('next'),
      close: () => {
        isOver = true;
        this.waiting = this.waiting.filter((other) => other !== turn);
        void worker?.terminate();
      },
    };
    return turn;
  }

  private ended(turn: Turn): void {
    if (this.running !== turn) return;
    this.running = null;
    const next = this.isClosed ? undefined : this.waiting.shift();
    if (next !== undefined) this.run(next);
  }

  /** Nothing more is read. */
  close(): void {
    this.isClosed = true;
    const { running, waiting } = this;
    for (const turn of waiting) turn.close();
    running?.close();
  }
}
