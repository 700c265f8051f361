import fc from './properties.ts';

/** Values at the bounds of something, or of another kind than was thought of. */
const ODD: readonly unknown[] = [
  ...[null, true, [], {}, '', 'a', '\u0000', '\ud800', '__proto__', 'a'.repeat(128), 'a'.repeat(129), '~'.repeat(1025)],
  ...[0, -0, -1, 0.5, 1, 249, 250, 256, 257, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER, 2 ** 53 + 2, 1e300],
  ...[[[[[]]]], { a: { b: {} } }, Array(300).fill(0), 'aGVsbG8=', 'aGVsbG9=', 'b3:'.padEnd(67, '0')],
];

/** The value with up to four of its parts replaced, left out, or something added. */
export const odder = (value: unknown): fc.Arbitrary<unknown> =>
  fc
    .array(fc.tuple(fc.nat(), fc.nat(), fc.oneof(fc.constantFrom(...ODD), fc.jsonValue())), { maxLength: 4 })
    .map((changes) => {
      const root = { it: structuredClone(value) };
      for (const [where, how, odd] of changes) change(root, where, how, structuredClone(odd));
      return root.it;
    });

function change(root: object, where: number, how: number, odd: unknown): void {
  const places = placesIn(root);
  const [holder, key] = places[where % places.length] as [Record<string, unknown>, string];
  const part = holder[key];
  if (how % 4 === 0 && holder !== root) delete holder[key];
  // By a number an array would grow to that length.
  else if (how % 4 === 1 && Array.isArray(part)) part.push(odd);
  else if (how % 4 === 1 && typeof part === 'object' && part !== null) Object.assign(part, { [String(odd)]: odd });
  else holder[key] = odd;
}

/** Every value of objects and lists, as where it stands. */
function placesIn(holder: object): [object, string][] {
  return Object.entries(holder).flatMap(([key, part]) => [
    [holder, key] as [object, string],
    ...(typeof part === 'object' && part !== null ? placesIn(part) : []),
  ]);
}
