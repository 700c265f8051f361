/** A process that loads the graphs on record once, and then says of one bundle after another whether it has the same. */
import { pathToFileURL } from 'node:url';
import { readRecord } from '../../src/model/check.ts';
import type { Driver } from '../../src/model/explore.ts';
import { MODELS, type Model, subjectOf } from '../../src/model/models.ts';
import { Expectation, firstDifference } from './online.ts';

const load = (tiny: boolean): { model: Model; expected: Expectation }[] =>
  MODELS.filter((model) => model.graph !== null && model.tiny === tiny)
    .map((model) => {
      const record = readRecord(model, subjectOf(model));
      if (!('rows' in record)) throw new Error(`${model.name}: ${record.detail}`);
      return { model, expected: new Expectation(record) };
    })
    .sort((a, b) => a.expected.graph.count - b.expected.graph.count);

/** Small ones first; the others are read when a mutant gets through all of these. */
const tiny = load(true);
let loaded: ReturnType<typeof load> | null = null;
function full(): ReturnType<typeof load> {
  loaded ??= load(false);
  return loaded;
}

/** What a bundle must export. */
interface Bundle {
  driverOf(model: Model): Driver<unknown>;
  machineDifference(): string | null;
}
/** What is asked: does this bundle have the graphs on record, of the tiny models or of all? */
export interface Question {
  readonly path: string;
  readonly thorough: boolean;
}
export interface Answer {
  readonly killedBy: string | null;
  readonly why: string;
}

function differenceIn(models: ReturnType<typeof load>, driverOf: Bundle['driverOf']): Answer | null {
  for (const { model, expected } of models) {
    const why = firstDifference(driverOf(model), expected);
    if (why !== null) return { killedBy: model.name, why };
  }
  return null;
}

const machineAnswer = (why: string | null): Answer | null => (why === null ? null : { killedBy: 'the machine', why });

async function judge({ path, thorough }: Question): Promise<Answer> {
  try {
    const { driverOf, machineDifference } = (await import(pathToFileURL(path).href)) as Bundle;
    const found = differenceIn(tiny, driverOf) ?? machineAnswer(machineDifference());
    return found ?? (thorough ? differenceIn(full(), driverOf) : null) ?? { killedBy: null, why: '' };
  } catch (error) {
    return { killedBy: 'load', why: (error as Error).message.split('\n')[0] as string };
  }
}

process.on('message', async (question: Question) => process.send?.(await judge(question)));
process.send?.({ ready: true });
