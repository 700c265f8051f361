/** One thing to do with a file of a data directory, as data: disks, real and simulated, run it. */
export type StorageOp =
  /**
   * Creates the file when it is not there. Gives how many bytes were written, which may be fewer; `durable`: and synced, in a file that is
   * there and has room for them.
   */
  | {
      readonly op: 'write';
      readonly file: string;
      readonly at: number;
      readonly bytes: Uint8Array;
      readonly durable: boolean;
    }
  | { readonly op: 'sync'; readonly file: string }
  | { readonly op: 'truncate'; readonly file: string; readonly size: number }
  | { readonly op: 'rename'; readonly file: string; readonly to: string }
  | { readonly op: 'remove'; readonly file: string }
  /** Makes names durable: what was created, renamed or removed in this folder ('' for the directory itself). */
  | { readonly op: 'sync_folder'; readonly folder: string };

/** What can be read of a data directory. */
export interface StorageReader {
  /** Names in the folder, without those of folders; none when there is no such folder. */
  files(folder: string): readonly string[];
  size(file: string): number;
  /** Fewer bytes only at the end of the file. */
  read(file: string, at: number, bytes: number): Uint8Array;
}

/** The files of one data directory. What fails does so with an `Error` that has the system's `code`. */
export interface Storage extends StorageReader {
  /** Does it before returning. */
  now(op: StorageOp): number;
  /** Does it off the caller's path; `done` is called later, once. Ops under way may be done in any order. */
  later(op: StorageOp, done: (error: Error | null, result: number) => void): void;
}
