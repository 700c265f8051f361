/** A process that says of one bundle after another which rule the graphs of its code break; nothing is compared with the specification. */
import { pathToFileURL } from 'node:url';
import { readRecord } from '../../src/model/check.ts';
import { type Driver, Explorer } from '../../src/model/explore.ts';
import type { Graph } from '../../src/model/graph.ts';
import { type MailboxConstants, readMailboxConstants } from '../../src/model/mailbox.ts';
import { MODELS, type Model, subjectOf, TLA } from '../../src/model/models.ts';
import { brokenRule, isUndelivered } from '../../src/model/rules.ts';
import type { Answer, Question } from '../mutation/worker.ts';

interface Subject {
  readonly model: Model;
  readonly constants: MailboxConstants;
  /** States of the unchanged code. */
  readonly count: number;
  /** It delivers whatever is sent, in the end. */
  readonly delivers: boolean;
}

const subjects: readonly Subject[] = MODELS.filter(({ graph, tiny }) => tiny && graph === 'Mailbox')
  .map((model) => {
    const record = readRecord(model, subjectOf(model));
    if (!('rows' in record)) throw new Error(`${model.name}: ${record.detail}`);
    const constants = readMailboxConstants(TLA, model.name);
    return { model, constants, count: record.count, delivers: !isUndelivered(record, constants) };
  })
  .sort((a, b) => a.count - b.count);

/** A mutant may go on for ever: what was found by then is judged. */
const mostOf = ({ count }: Subject): number => 4 * count + 1000;

/** All that is reached, or so much of it; what the core's own audit says does not count. */
function explored(driver: Driver<unknown>, most: number): { readonly graph: Graph; readonly isWhole: boolean } {
  const explorer = new Explorer({
    ...{ variables: driver.variables, actions: driver.actions, check: () => null },
    initial: (found) => driver.initial(found),
    encode: (into) => driver.encode(into),
    save: () => driver.save(),
    restore: (saved) => driver.restore(saved),
    expand: (...args) => driver.expand(...args),
  });
  explorer.begin();
  let found = 0;
  while (explorer.waiting > 0 && found < most) {
    found += explorer.waiting;
    explorer.expandLevel();
  }
  const isWhole = explorer.waiting === 0;
  return { graph: explorer.finish(), isWhole };
}

function brokenIn(subject: Subject, driver: Driver<unknown>): string | null {
  const { graph, isWhole } = explored(driver, mostOf(subject));
  const broken = brokenRule(graph, subject.constants, isWhole);
  if (broken !== null) return broken.name;
  return subject.delivers && isWhole && isUndelivered(graph, subject.constants) ? 'DeliveredLive' : null;
}

async function judge({ path }: Question): Promise<Answer> {
  try {
    const { driverOf } = (await import(pathToFileURL(path).href)) as { driverOf(model: Model): Driver<unknown> };
    for (const subject of subjects) {
      const name = brokenIn(subject, driverOf(subject.model));
      if (name !== null) return { killedBy: name, why: subject.model.name };
    }
    return { killedBy: null, why: '' };
  } catch (error) {
    return { killedBy: 'throws', why: (error as Error).message.split('\n')[0] as string };
  }
}

process.on('message', async (question: Question) => process.send?.(await judge(question)));
process.send?.({ ready: true });
