import { parseArgs } from 'node:util';

/** A tool was wrongly called: told with its usage, exit 2. */
export class UsageError extends Error {}

type Options = Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>;
interface Called<O extends Options> {
  readonly values: { readonly [K in keyof O]?: O[K] extends { readonly type: 'boolean' } ? boolean : string };
  readonly positionals: readonly string[];
}

const HELP = { help: { type: 'boolean', short: 'h' } } as const;

/**
 * What a tool of `npm run` was called with; `names` are what may stand there besides options. With `--help` it prints the usage and
 * ends; what nobody knows is refused. Called before anything begins.
 */
export function argumentsOf<const O extends Options>(
  usage: string,
  options: O,
  names: readonly string[] = [],
): Called<O> {
  try {
    const { values, positionals } = parseArgs({
      args: process.argv.slice(2),
      options: { ...options, ...HELP },
      allowPositionals: names.length > 0,
    });
    if ((values as { readonly help?: boolean }).help === true) {
      console.log(usage);
      process.exit(0);
    }
    const unknown = positionals.filter((name) => !names.includes(name));
    if (unknown.length > 0) throw new UsageError(`${unknown.join(', ')}: unknown; there are ${names.join(', ')}`);
    return { values: values as Called<O>['values'], positionals };
  } catch (error) {
    return refuse(error, usage);
  }
}

/** A whole number, undefined when it is not given. @throws UsageError */
export function whole(name: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d{1,16}$/.test(text) || value < min || value > max)
    throw new UsageError(`--${name} ${JSON.stringify(text)}: must be a whole number ${min}..${max}`);
  return value;
}

/** Tells that the call was wrong, and ends with 2; anything else goes on up. */
export function refuse(error: unknown, usage: string): never {
  const { code, message } = error as NodeJS.ErrnoException;
  if (!(error instanceof UsageError) && code?.startsWith('ERR_PARSE_ARGS') !== true) throw error;
  console.error(`${message}\n${usage}`);
  process.exit(2);
}
