import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Mutant } from './mutants.ts';
import type { Verdict } from './verdict.ts';

const FILE = resolve(import.meta.dirname, '../../node_modules/.cache/svc-mailbox/mutation.ndjson');

interface Line {
  readonly stamp: string;
  readonly id: string;
  readonly verdict: Verdict['verdict'];
  readonly by: string;
  readonly why: string;
}

/** Verdicts as they come, so that a run that was broken off goes on where it was; those of another stamp do not count. */
export class VerdictLog {
  private readonly stamp: string;
  private readonly known = new Map<string, Line>();

  constructor(stamp: string, fresh: boolean) {
    this.stamp = stamp;
    if (fresh || !existsSync(FILE)) return;
    for (const text of readFileSync(FILE, 'utf8').split('\n')) {
      if (!text.endsWith('}')) continue;
      const line = JSON.parse(text) as Line;
      if (line.stamp === stamp) this.known.set(line.id, line);
    }
  }

  find(mutant: Mutant): Verdict | undefined {
    const line = this.known.get(mutant.id);
    return line === undefined ? undefined : { mutant, verdict: line.verdict, by: line.by, why: line.why };
  }

  add({ mutant, verdict, by, why }: Verdict): void {
    mkdirSync(dirname(FILE), { recursive: true });
    const line: Line = { stamp: this.stamp, id: mutant.id, verdict, by, why };
    appendFileSync(FILE, `${JSON.stringify(line)}\n`);
  }
}
