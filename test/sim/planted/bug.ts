import type { Patch } from '../../support/patched.ts';

/** A bug as someone might have written it, as changes to the shipped sources; nothing of it is in what ships. */
export interface PlantedBug {
  readonly name: string;
  readonly what: string;
  readonly patches: readonly Patch[];
}

export const bug = (name: string, what: string, file: string, find: string, replace: string): PlantedBug => ({
  name,
  what,
  patches: [{ file, find, replace }],
});
