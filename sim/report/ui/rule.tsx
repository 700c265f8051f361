import { run } from './run.ts';

const NAMES = new Set(Object.keys(run.rules));
const WORD = /([A-Za-z]+[0-9]*)/;

/** A rule by its name, which leads to what it says. */
export const RuleLink = ({ name }: { name: string }) => <a href={`#rule=${name}`}>{name}</a>;

/** A text in which the names of rules lead to what they say. */
export const Ruled = ({ text }: { text: string }) => (
  <>
    {text.split(WORD).map((part, i) => (i % 2 === 1 && NAMES.has(part) ? <RuleLink key={`${i}`} name={part} /> : part))}
  </>
);
