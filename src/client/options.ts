/** A whole number in a range, or the default. @throws RangeError that names the option and its range */
export function numberOption(
  name: string,
  value: number | undefined,
  least: number,
  most: number,
  otherwise: number,
): number {
  const given = value ?? otherwise;
  if (!Number.isInteger(given) || given < least || given > most)
    throw new RangeError(`${name} ${given}: must be a whole number ${least}..${most}`);
  return given;
}
