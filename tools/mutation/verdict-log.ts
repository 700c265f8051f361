import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Mutant } from './mutants.ts';
import { verdictStampOf } from './stamp.ts';
import type { Verdict } from './verdict.ts';

const FILE = resolve(import.meta.dirname, '../../node_modules/.cache/svc-mailbox/mutation.ndjson');

interface Line {
  readonly stamp: string;
  readonly id: string;
  readonly verdict: Verdict['verdict'];
  readonly by: string;
  readonly why: string;
}

/**
 * Verdicts as they come, so that a run that was broken off goes on where it was. They count as long as the file that is mutated
 * and all that judges it are what they were.
 */
export class VerdictLog {
  private readonly stamps = new Map<string, string>();
  private readonly known = new Map<string, Line>();

  /** `fresh`: what is there does not count. */
  constructor(fresh: boolean) {
    if (fresh || !existsSync(FILE)) return;
    for (const text of readFileSync(FILE, 'utf8').split('\n')) {
      if (!text.endsWith('}')) continue;
      const line = JSON.parse(text) as Line;
      this.known.set(`${line.stamp} ${line.id}`, line);
    }
  }

  private stampOf({ file }: Mutant): string {
    const known = this.stamps.get(file) ?? verdictStampOf(file);
    this.stamps.set(file, known);
    return known;
  }

  find(mutant: Mutant): Verdict | undefined {
    const line = this.known.get(`${this.stampOf(mutant)} ${mutant.id}`);
    return line === undefined ? undefined : { mutant, verdict: line.verdict, by: line.by, why: line.why };
  }

  add({ mutant, verdict, by, why }: Verdict): void {
    mkdirSync(dirname(FILE), { recursive: true });
    const line: Line = { stamp: this.stampOf(mutant), id: mutant.id, verdict, by, why };
    appendFileSync(FILE, `${JSON.stringify(line)}\n`);
  }
}
