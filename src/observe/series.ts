import type { Metric, Registry } from 'prom-client';
import { type LabelOf, METRICS, type MetricName, type MetricOf } from './metric-table.ts';

/**
 * Metrics as typed-array slots: counting costs an addition, the text is made when someone scrapes. Label values are
 * fixed when a metric is made, so the number of series is bounded by construction (I4).
 */
interface Value {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

function register(registry: Registry, name: string, help: string, type: string, values: () => Value[]): void {
  const metric = { name, help, type, aggregator: 'sum', get: async () => ({ name, help, type, values: values() }) };
  registry.registerMetric(metric as unknown as Metric<string>);
}

type Labels = Readonly<Record<string, readonly string[]>>;

/** A counter for every combination of label values; `slot` finds one once, `add` counts. */
export class Counters {
  private readonly counts: Float64Array;
  private readonly values: readonly (readonly string[])[];

  constructor(registry: Registry, name: string, help: string, labels: Labels = {}) {
    const names = Object.keys(labels);
    this.values = Object.values(labels);
    this.counts = new Float64Array(this.values.reduce((product, list) => product * list.length, 1));
    // Up to 64 series show their zeros, so that a rate exists before the first event; larger tables show what moved.
    const showZeros = this.counts.length <= 64;
    register(registry, name, help, 'counter', () => {
      const found: Value[] = [];
      for (let slot = 0; slot < this.counts.length; slot++) {
        const value = this.counts[slot] as number;
        if (value === 0 && !showZeros) continue;
        let rest = slot;
        const labels: Record<string, string> = Object.fromEntries(names.map((label) => [label, '']));
        for (let i = names.length - 1; i >= 0; i--) {
          const list = this.values[i] as readonly string[];
          labels[names[i] as string] = list[rest % list.length] as string;
          rest = Math.floor(rest / list.length);
        }
        found.push({ labels, value });
      }
      return found;
    });
  }

  /** The slot of these label values, given in the order of the labels. @throws Error for a value that was not declared. */
  slot(...labels: readonly string[]): number {
    let slot = 0;
    for (const [i, list] of this.values.entries()) {
      const index = list.indexOf(labels[i] as string);
      if (index < 0) throw new Error(`metrics: undeclared label value ${labels[i]}`);
      slot = slot * list.length + index;
    }
    return slot;
  }

  add(slot = 0, count = 1): void {
    this.counts[slot] = (this.counts[slot] as number) + count;
  }

  get(slot = 0): number {
    return this.counts[slot] as number;
  }
}

/** One histogram; `edges` ascending, in the metric's unit. */
export class Histogram {
  private readonly edges: readonly number[];
  private readonly buckets: Float64Array;
  private sum = 0;

  constructor(registry: Registry, name: string, help: string, edges: readonly number[]) {
    this.edges = edges;
    this.buckets = new Float64Array(edges.length + 1);
    register(registry, name, help, 'histogram', () => {
      let count = 0;
      const found: Value[] = this.edges.map((le, i) => {
        count += this.buckets[i] as number;
        return { metricName: `${name}_bucket`, labels: { le }, value: count };
      });
      count += this.buckets[this.edges.length] as number;
      found.push({ metricName: `${name}_bucket`, labels: { le: '+Inf' }, value: count });
      found.push({ metricName: `${name}_sum`, labels: {}, value: this.sum });
      found.push({ metricName: `${name}_count`, labels: {}, value: count });
      return found;
    });
  }

  observe(value: number): void {
    let i = 0;
    while (i < this.edges.length && value > (this.edges[i] as number)) i++;
    this.buckets[i] = (this.buckets[i] as number) + 1;
    this.sum += value;
  }
}

/** A value of a series, with exactly the labels that its row has. */
interface Labelled<N extends MetricName> {
  readonly labels: Readonly<Record<LabelOf<N>, string | number>>;
  readonly value: number;
}

/** Makes the series of the table, `prefix` before their names. */
export class SeriesMaker {
  private readonly registry: Registry;
  private readonly prefix: string;

  constructor(registry: Registry, prefix: string) {
    this.registry = registry;
    this.prefix = prefix;
  }

  /** `values`: of each label all that it may have. */
  counters<N extends MetricOf<'counter'>>(name: N, values: Readonly<Record<LabelOf<N>, readonly string[]>>): Counters {
    return new Counters(this.registry, this.prefix + name, METRICS[name].help, values);
  }

  histogram(name: MetricOf<'histogram'>, edges: readonly number[]): Histogram {
    return new Histogram(this.registry, this.prefix + name, METRICS[name].help, edges);
  }

  /** Values read from the living state when someone scrapes. */
  gauge<N extends MetricOf<'gauge'>>(name: N, values: () => Labelled<N>[]): void {
    register(this.registry, this.prefix + name, METRICS[name].help, 'gauge', values);
  }

  /** The same of one value without labels. */
  figure(name: MetricOf<'gauge'>, value: () => number): void {
    register(this.registry, this.prefix + name, METRICS[name].help, 'gauge', () => [{ labels: {}, value: value() }]);
  }

  /** The same of what only grows, and is counted elsewhere. */
  counter<N extends MetricOf<'counter'>>(name: N, values: () => Labelled<N>[]): void {
    register(this.registry, this.prefix + name, METRICS[name].help, 'counter', values);
  }
}
