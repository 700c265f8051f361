/** One change of one place in a source file. */
export interface Mutant {
  /** Names it for as long as its definition says the same: file, definition, change, and which of several alike. */
  readonly id: string;
  readonly file: string;
  readonly definition: string;
  readonly line: number;
  readonly column: number;
  readonly start: number;
  readonly end: number;
  readonly original: string;
  readonly replacement: string;
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ');

export function mutantOf(
  file: string,
  text: string,
  definition: string,
  start: number,
  end: number,
  replacement: string,
): Mutant {
  const before = text.slice(0, start);
  const line = before.split('\n').length;
  const column = start - before.lastIndexOf('\n');
  const original = text.slice(start, end);
  const id = `${file} ${definition}: ${oneLine(original)} -> ${oneLine(replacement)}`;
  return { id, file, definition, line, column, start, end, original, replacement };
}

/** The same with ids that are each its own: of several alike in one definition the second is `.. (2)`. */
export function numbered(mutants: readonly Mutant[]): Mutant[] {
  const seen = new Map<string, number>();
  return mutants.map((mutant) => {
    const count = (seen.get(mutant.id) ?? 0) + 1;
    seen.set(mutant.id, count);
    return count === 1 ? mutant : { ...mutant, id: `${mutant.id} (${count})` };
  });
}

/** The source with this mutant in it. */
export const mutate = (text: string, { start, end, replacement }: Mutant): string =>
  text.slice(0, start) + replacement + text.slice(end);
