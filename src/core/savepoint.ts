/**
 * What a shard is, laid out flat, so that it can be put back: `ShardState.save` writes one, `restore` reads it. Objects stay the
 * same ones, only what they hold is put back, so an image belongs to the shard it was taken of. The explorer goes from state
 * to state with it; a snapshot on disk is another thing.
 */
export class Savepoint {
  readonly numbers: number[] = [];
  readonly objects: unknown[] = [];
  /** Where writing or reading stands. */
  number = 0;
  object = 0;

  /** To be written anew, or read from the beginning. */
  rewind(): this {
    this.number = 0;
    this.object = 0;
    return this;
  }

  put(number: number): void {
    this.numbers[this.number++] = number;
  }

  keep(object: unknown): void {
    this.objects[this.object++] = object;
  }
}
