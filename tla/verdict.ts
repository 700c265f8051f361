import type { Model } from '../src/model/models.ts';

/** What the verdict column says of a model that did as it must; `steps` of its graph, where one is made. */
export function verdictOf({ expected }: Pick<Model, 'expected'>, steps: number | null): string {
  const graph = steps === null ? '' : `, ${steps.toLocaleString('en')} steps`;
  if (expected.kind === 'holds') return `holds${graph}`;
  return expected.kind === 'violates'
    ? `violates ${expected.name}, as it must${graph}`
    : `reaches all ${expected.names.length}${graph}`;
}
