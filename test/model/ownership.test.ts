import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { OWNERSHIP_STATES } from '../../spec/ownership.ts';
import { EngineLogs } from '../../src/cluster/engine-logs.ts';
import { ShardLog } from '../../src/cluster/shard-log.ts';
import { checkModel } from '../../src/model/check.ts';
import { widthOfState } from '../../src/model/graph.ts';
import { graphFile, MODELS, type Model, subjectOf } from '../../src/model/models.ts';
import { OwnershipNode } from '../../src/model/ownership-node.ts';
import { decodeGraph } from '../../src/model/recorded-graph.ts';
import type { EngineFrame, StoredFrame } from '../../src/ports/engine.ts';

const modelOf = (name: string): Model => MODELS.find((model) => model.name === name)!;

/** What a class does otherwise while a test runs. */
const undo: (() => void)[] = [];
function patch<Class extends object>(of: Class, name: string, make: (shipped: never) => unknown): void {
  const shipped = Object.getOwnPropertyDescriptor(of, name)!;
  Object.defineProperty(of, name, { ...shipped, value: make(shipped.value as never) });
  undo.push(() => Object.defineProperty(of, name, shipped));
}
afterEach(() => {
  for (const back of undo.splice(0)) back();
});

/** The shipped code with one mistake in it. */
const MISTAKES: Readonly<Record<string, () => void>> = {
  'what is found is taken for durable': () =>
    patch(
      ShardLog.prototype,
      'look',
      (look: (frames: readonly StoredFrame[]) => { found: string; send: EngineFrame[] }) =>
        function (this: OwnershipNode, frames: readonly StoredFrame[]) {
          const looked = look.call(this, frames);
          if (looked.found === 'present') this.ended(looked.send[0]!, 'durable');
          return looked;
        },
    ),
  'a refusal is not looked at': () =>
    patch(
      ShardLog.prototype,
      'ended',
      (ended: (frame: EngineFrame, outcome: string) => unknown) =>
        function (this: OwnershipNode, frame: EngineFrame, outcome: string) {
          return ended.call(this, frame, outcome === 'refused' ? 'durable' : outcome);
        },
    ),
  'the engine compares no hash': () =>
    patch(
      EngineLogs.prototype,
      'insert',
      () =>
        function (this: EngineLogs & { push(shard: number, frame: StoredFrame): void }, frame: EngineFrame) {
          const fits = frame.sequence === this.logOf(0).length + 1;
          if (fits) this.push(0, frame);
          return fits;
        },
    ),
  'a term that is not new': () =>
    patch(
      ShardLog.prototype,
      'announce',
      () =>
        function (
          this: { go(event: string): void; known: { term: number }; send(content: unknown, term: number): EngineFrame },
          content: unknown,
        ) {
          this.go('ended');
          return this.send(content, Math.max(1, this.known.term));
        },
    ),
  'a frame of somebody else is none': () => patch(ShardLog.prototype, 'isKnown', () => () => true),
  'a lease that is over changes nothing': () => patch(OwnershipNode.prototype, 'leave', () => () => {}),
};

describe('ownership in the explorer', () => {
  it.each(Object.keys(MISTAKES))('the graphs part when %s', (mistake) => {
    MISTAKES[mistake]!();
    expect(checkModel(modelOf('MCOwners')).verdict).toMatch(/^(different|broken)$/);
  });

  it('the models reach every state of a shard, and statements that come late', () => {
    const seen = new Set<string>();
    for (const name of ['MCOwnersAsync', 'MCOwnersLate']) {
      const { variables, actions } = subjectOf(modelOf(name));
      const { rows, width, count } = decodeGraph(readFileSync(graphFile(modelOf(name))), variables, actions);
      const at = (variable: string): number =>
        widthOfState(
          variables.slice(
            0,
            variables.findIndex(([one]) => one === variable),
          ),
        );
      const [mode, late] = [at('mode'), at('late')];
      for (let row = 0; row < count * width; row += width) {
        seen.add(OWNERSHIP_STATES[rows[row + mode]!]!);
        if (rows[row + late] !== 0) seen.add('late');
      }
    }
    expect(seen).toEqual(new Set([...OWNERSHIP_STATES, 'late']));
  });

  it('what a node is made of is all put back: nothing of it is left over from another state', () => {
    const node = new OwnershipNode(1, 1);
    const saved = Object.keys(node.save()).map((name) => (name === 'state' ? 'now' : name));
    expect(Object.keys(node).sort()).toEqual([...saved, 'options', 'number'].sort());
  });
});
