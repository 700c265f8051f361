import type { Expected } from './models.ts';

/** What a run of TLC said. */
export interface TlcResult {
  /** As TLC prints it. */
  readonly version: string;
  readonly generated: number;
  readonly distinct: number;
  /** Null when the search stopped at a violation. */
  readonly depth: number | null;
  /** Names of violated invariants and properties, each once. */
  readonly violated: readonly string[];
  /** True when TLC came to the end of its work, with or without a violation. */
  readonly finished: boolean;
}

const LIVENESS = 'Error: Temporal properties were violated.';

/**
 * Reads TLC's output. TLC does not name the liveness property that failed: `liveness` is the one the config has.
 * @throws Error when there is no count of states: a run that did not happen is not a pass.
 */
export function parseTlc(output: string, liveness: string | null): TlcResult {
  const counts = [...output.matchAll(/^([0-9]+) states generated, ([0-9]+) distinct states found/gm)].at(-1);
  if (counts === undefined)
    throw new Error(`TLC did not get to a state:\n${output.trim().split('\n').slice(-15).join('\n')}`);
  const depth = /^The depth of the complete state graph search is ([0-9]+)\./m.exec(output);
  const named = [...output.matchAll(/^Error: (?:Invariant|Action property) (\w+) is violated/gm)].map(
    (match) => match[1] as string,
  );
  const violated = new Set(named);
  if (output.includes(LIVENESS)) violated.add(liveness ?? 'an unnamed liveness property');
  return {
    version: /^TLC2 (Version .+)$/m.exec(output)?.[1]?.trim() ?? 'unknown',
    generated: Number(counts[1]),
    distinct: Number(counts[2]),
    depth: depth === null ? null : Number(depth[1]),
    violated: [...violated],
    finished: /^Finished in /m.test(output),
  };
}

/** Null when TLC said what it must, else what surprises. */
export function surprise(result: TlcResult, expected: Expected): string | null {
  if (!result.finished) return 'did not finish';
  const wanted = expected.kind === 'holds' ? [] : expected.kind === 'violates' ? [expected.name] : expected.names;
  const missing = wanted.filter((name) => !result.violated.includes(name));
  const extra = result.violated.filter((name) => !wanted.includes(name));
  if (extra.length > 0) return `violated: ${extra.join(', ')}`;
  if (missing.length > 0) return `not violated: ${missing.join(', ')}`;
  return expected.kind === 'holds' && result.depth === null ? 'the search is not complete' : null;
}

/** The liveness property among a config's PROPERTIES, if there is one. */
export function livenessOf(config: string): string | null {
  return /^PROPERT(?:Y|IES)\b.*\b(\w+Live)\b/m.exec(config)?.[1] ?? null;
}
