import { spawnSync } from 'node:child_process';

/** Whether a program is here and runs; a test that needs it and does without says that it is unavailable. */
export const isHere = (name: string, ...args: readonly string[]): boolean => spawnSync(name, args).status === 0;

/** What a program says to both streams, and how it ended. */
export function told(
  name: string,
  args: readonly string[],
  cwd?: string,
  env: NodeJS.ProcessEnv = process.env,
): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(name, args, { encoding: 'utf8', timeout: 60_000, cwd, env });
  return { status, text: `${stdout}${stderr}` };
}
