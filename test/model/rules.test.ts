import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { INVARIANTS, REFUSAL_OF, SAID_AGAIN } from '../../spec/vocabulary.ts';
import type { Graph } from '../../src/model/graph.ts';
import { readMailboxConstants } from '../../src/model/mailbox.ts';
import { MailboxView } from '../../src/model/mailbox-view.ts';
import { graphFile, MODELS, type Model, subjectOf, TLA } from '../../src/model/models.ts';
import { decodeGraph } from '../../src/model/recorded-graph.ts';
import { brokenRule, RULE_NAMES, STEP_RULES } from '../../src/model/rules.ts';
import { RULE_ROWS, ruleTable } from '../../tools/rules/table.ts';
import { holdsTables } from '../support/documents.ts';

const OF_MAILBOX = MODELS.filter(({ graph }) => graph === 'Mailbox');
const TINY = OF_MAILBOX.filter(({ tiny }) => tiny);
const recorded = (model: Model): Graph => {
  const { variables, actions } = subjectOf(model);
  return decodeGraph(readFileSync(graphFile(model)), variables, actions);
};
const named = (name: string): Model => OF_MAILBOX.find((model) => model.name === name) as Model;

describe('rules of the lifecycle on the graphs on record', () => {
  it.each(TINY)(
    '$name keeps all of them: OrderProp, LateProp, RepeatProp, RedrivesInv, WindowOpensProp and the others (V5)',
    (model) => {
      expect(brokenRule(recorded(model), readMailboxConstants(TLA, model.name))).toBe(null);
    },
  );

  it('each is in TLA+ under its name, but for what TLC has no labels for', () => {
    const text = ['Mailbox', 'Rules'].map((name) => readFileSync(join(TLA, `${name}.tla`), 'utf8')).join('\n');
    const missing = RULE_NAMES.filter((name) => !new RegExp(`^${name} ==`, 'm').test(text));
    expect(missing).toEqual(['AnswerProp']);
  });

  it('docs/conformance.md has the table of them: where each stands, and what breaks it (UPDATE_DOCS=1 writes it)', () => {
    const tables = { 'properties of rules': ruleTable() };
    holdsTables('docs/conformance.md', tables, 'test/model/rules.test.ts');
    const rows = RULE_ROWS.map(({ name }) => name);
    expect(new Set(rows)).toEqual(new Set([...RULE_NAMES, ...INVARIANTS]));
    expect(rows.length).toBe(new Set(rows).size);
  });

  it('every rule of steps can be broken: some two states of a graph, one taken for what comes after the other, do', () => {
    const whole = new Set(STEP_RULES.map(({ name }) => name));
    for (const model of TINY) {
      const graph = recorded(model);
      const c = readMailboxConstants(TLA, model.name);
      const messages = Array.from({ length: c.N }, (_, i) => i + 1);
      const step = { before: new MailboxView(graph), after: new MailboxView(graph), messages };
      for (let i = 0; i < 2000; i++) {
        step.before.to((i * 7919) % graph.count);
        step.after.to((i * 104_729 + 1) % graph.count);
        for (const { name, holds } of STEP_RULES) if (whole.has(name) && !holds(step, c)) whole.delete(name);
      }
    }
    expect([...whole]).toEqual([]);
  });

  it('a refusal that is not answered breaks AnswerProp, whichever it is (BD2, ID2, LE3, LE4)', () => {
    const missed = new Set<string>();
    for (const model of TINY) {
      const graph = recorded(model);
      const c = readMailboxConstants(TLA, model.name);
      const crash = graph.actions.indexOf('Crash');
      for (const action of [...Object.values(REFUSAL_OF), ...Object.values(SAID_AGAIN)]) {
        const label = graph.actions.indexOf(action);
        if (!graph.actionOf.includes(label)) continue;
        const actionOf = graph.actionOf.map((is) => (is === label ? crash : is));
        expect(brokenRule({ ...graph, actionOf }, c)?.name, `${model.name} ${action}`).toBe('AnswerProp');
        missed.add(action);
      }
    }
    expect(missed.size).toBe(new Set([...Object.values(REFUSAL_OF), ...Object.values(SAID_AGAIN)]).size);
  });

  it('a step that is not there for who may have it breaks ServedInv (LE3, DL2)', () => {
    const model = named('MCTinyDead');
    const graph = recorded(model);
    const c = readMailboxConstants(TLA, model.name);
    for (const action of ['Send', 'Recv', 'Ack', 'Nack', 'Release', 'Purge', 'Reprocess']) {
      const label = graph.actions.indexOf(action);
      const actionOf = graph.actionOf.map((is) => (is === label ? graph.actions.indexOf('Crash') : is));
      expect(brokenRule({ ...graph, actionOf }, c)?.name, action).toBe('ServedInv');
    }
  });
});
