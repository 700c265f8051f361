import type { Timers } from '../ports/clock.ts';
import type { Engine } from '../ports/engine.ts';
import { EngineLog, type EngineLogOptions, type NotOurs } from './engine-log.ts';
import { HeldLeases } from './held-leases.ts';
import { LossSuspected } from './promises.ts';

export interface LossOptions extends Pick<EngineLogOptions, 'number' | 'shard' | 'secret' | 'answersWithinMs'> {
  readonly engine: Engine;
  readonly owner: string;
  readonly timers: Timers;
  readonly monotonicMs: () => number;
}
const NOBODY = { begin: () => {}, entry: () => {}, restored: () => {}, frame: () => {} };

/**
 * Somebody takes it on themselves that a log may have lost what was answered: an announcement in it says what the engine promises now, and
 * whoever claims it next goes on from there. Calls `done` once: with why a log is refused that is served again now, or null where there was
 * nothing to accept.
 */
export function acceptLoss(options: LossOptions, done: (result: string | null | Error) => void): void {
  claim(options, false, (log, not) => {
    if (not === null) {
      log.release();
      return done(null);
    }
    const { error } = not;
    if (!(error instanceof LossSuspected)) return done(error);
    claim(options, true, (lost, still) => {
      if (still !== null) return done(still.error);
      lost.append([], (end) => {
        lost.release();
        done(
          end.end === 'durable' ? error.message : new Error(`log ${options.number}: the append ended as ${end.end}`),
        );
      });
    });
  });
}

function claim(options: LossOptions, acceptsLoss: boolean, done: (log: EngineLog, not: NotOurs | null) => void): void {
  const { engine, owner, timers, monotonicMs } = options;
  const leases = new HeldLeases({ leases: engine.leases, owner, timers, monotonicMs });
  const log = new EngineLog({ ...options, leases, isOurs: () => true, failed: () => {}, acceptsLoss });
  log.claim(NOBODY, (not) => {
    leases.stop();
    done(log, not);
  });
}
