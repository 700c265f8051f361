import {
  FAILURES_MAX,
  type ProcessFact,
  REDRIVES_MAX,
  type RedriveBegun,
  type RedriveWent,
} from '../ports/process-facts.ts';
import { BytesError } from './bytes.ts';

interface Task {
  readonly begun: RedriveBegun;
  went: RedriveWent | null;
}

/** Redrives as a journal tells of them (DL5): how each was begun, and how far it has come. */
export class RedriveTasks {
  private readonly tasks = new Map<string, Task>();

  begun(fact: RedriveBegun): void {
    this.tasks.set(fact.id, { begun: fact, went: null });
    for (const [id, { went }] of this.tasks) {
      if (this.tasks.size <= REDRIVES_MAX) return;
      if (went !== null && went.state !== 'running') this.tasks.delete(id);
    }
  }

  /** What is told of one that is forgotten says nothing. @throws BytesError for more failures than are told of any */
  went(fact: RedriveWent): void {
    const task = this.tasks.get(fact.id);
    if (task === undefined) return;
    const failures = [...(task.went?.failures ?? []), ...fact.failures];
    if (failures.length > FAILURES_MAX) throw new BytesError(`failures: ${failures.length}, more than ${FAILURES_MAX}`);
    task.went = { ...fact, failures };
  }

  *facts(): Generator<ProcessFact> {
    for (const { begun, went } of this.tasks.values()) {
      yield begun;
      if (went !== null) yield went;
    }
  }
}
