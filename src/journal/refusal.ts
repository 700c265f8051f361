/** Why a journal is not opened: which file, where in it, what is wrong. */
export interface Refusal {
  readonly file: string;
  readonly at: number;
  readonly why: string;
}

export const isRefusal = (result: object): result is Refusal => 'why' in result;

/** A file that was made and is not there. It is never removed before a snapshot says what it said. */
export const missing = (file: string, because = 'it was made, and is needed'): Refusal => ({
  file,
  at: 0,
  why: `missing: ${because}. Put it back, or restore a backup`,
});
