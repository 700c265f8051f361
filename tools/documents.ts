/** Parts of documents that are made from the code stand between `<!-- mark -->` and `<!-- /mark -->`. */

/** @throws Error where the marks are not there, once each and in order */
function partsOf(text: string, mark: string): readonly [before: string, between: string, after: string] {
  const [before, rest, more] = text.split(`<!-- ${mark} -->\n`);
  const [between, after, twice] = rest?.split(`<!-- /${mark} -->`) ?? [];
  if (before === undefined || between === undefined || after === undefined || more !== undefined || twice !== undefined)
    throw new Error(`the marks <!-- ${mark} --> and <!-- /${mark} --> are not there once each`);
  return [before, between, after];
}

/** What stands between two marks. @throws Error */
export const tableIn = (text: string, mark: string): string => partsOf(text, mark)[1];

/** The text with what stands between two marks exchanged. @throws Error */
export function withTable(text: string, mark: string, table: string): string {
  const [before, , after] = partsOf(text, mark);
  return `${before}<!-- ${mark} -->\n${table.trimEnd()}\n<!-- /${mark} -->${after}`;
}
