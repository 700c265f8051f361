import { type Mutant, mutate } from './mutants.ts';
import { actionsOf } from './spec-mutants.ts';
import { type Definition, definitionsOf, type Token, tokensOf } from './tla-tokens.ts';

/** The variable that says which mutant a state belongs to; 0 is the specification as it is. */
export const CHOICE = 'mutant';

/**
 * A module with many mutants in it, so that one run of TLC makes the graphs of all: each mutated definition stands there once as it
 * is and once a mutant, and a variable that no step changes chooses. `bound` is what must hold of a state that is looked
 * beyond: a mutant may have no end of states, and the first outside the bound tells it apart already.
 */
export function weave(text: string, mutants: ReadonlyMap<number, Mutant>, bound: string): string {
  const definitions = definitionsOf(tokensOf(text));
  const actions = new Set(actionsOf(definitions));
  let woven = text;
  for (const definition of [...definitions].reverse()) {
    const { name } = definition;
    const own = [...mutants].filter(([, mutant]) => mutant.definition === name);
    const head = headOf(text, definition);
    const chosen = own.length === 0 ? null : choice(text, definition, own);
    if (chosen === null && !actions.has(name) && name !== 'Init') continue;
    const [before, after] = [woven.slice(0, head.start), woven.slice((definition.body.at(-1) as Token).end)];
    woven = before + rewritten(text, definition, head, chosen, [...mutants.keys()], actions.has(name), bound) + after;
  }
  return woven.replace(/^VARIABLES$/m, `VARIABLES\n    ${CHOICE},`);
}

interface Head {
  readonly start: number;
  /** `(a, b)` or nothing. */
  readonly parameters: string;
}

function headOf(text: string, { name, body }: Definition): Head {
  const start = text.lastIndexOf(`\n${name}`, (body[0] as Token).start) + 1;
  const parameters = /^\w+(\([^)]*\))?/.exec(text.slice(start))?.[1] ?? '';
  return { start, parameters };
}

/** The body with its columns kept: lists in it stand by them. */
const bodyOf = (text: string, { body }: Definition): string => {
  const [first, last] = [body[0] as Token, body.at(-1) as Token];
  return ' '.repeat(first.column) + text.slice(first.start, last.end);
};

interface Choice {
  readonly variants: string;
  readonly body: string;
}

function choice(text: string, definition: Definition, own: readonly (readonly [number, Mutant])[]): Choice {
  const { parameters } = headOf(text, definition);
  const { name, body } = definition;
  const variant = (number: number, text: string, by: Definition): string =>
    `${name}_${number}${parameters} ==\n${bodyOf(text, by)}\n\n`;
  const variants = own.map(([number, mutant]) => {
    const changed = mutate(text, mutant);
    const grown = mutant.replacement.length - (mutant.end - mutant.start);
    const [first, last] = [body[0] as Token, body.at(-1) as Token];
    return variant(number, changed, { name, body: [first, { ...last, end: last.end + grown }] });
  });
  const cases = own.map(([number]) => `${CHOICE} = ${number} -> ${name}_${number}${parameters}`);
  return {
    variants: variant(0, text, definition) + variants.join(''),
    body: `CASE ${cases.join('\n        [] ')}\n        [] OTHER -> ${name}_0${parameters}`,
  };
}

function rewritten(
  text: string,
  definition: Definition,
  { parameters }: Head,
  chosen: Choice | null,
  numbers: readonly number[],
  isAction: boolean,
  bound: string,
): string {
  const { name } = definition;
  const variants = chosen?.variants ?? `${name}_0${parameters} ==\n${bodyOf(text, definition)}\n\n`;
  const body = chosen?.body ?? `${name}_0${parameters}`;
  const head = `${variants}${name}${parameters} ==\n`;
  if (name === 'Init') return `${head}    /\\ ${CHOICE} \\in {${[0, ...numbers].join(', ')}}\n    /\\ (${body})`;
  return isAction ? `${head}    /\\ ${bound}\n    /\\ ${CHOICE}' = ${CHOICE}\n    /\\ (${body})` : `${head}    ${body}`;
}
