/** A source of randomness. Real processes draw from the kernel, the simulator from a named stream of the seed. */
export interface Random {
  /** A whole number, uniform in [0, below); `below` at most 2^48. */
  below(below: number): number;
  /**
   * Text of letters, digits, `-` and `_`, with at least as much chance in it as `bytes` random bytes, at most 1024 (a receipt: 16).
   * It begins with a letter or a digit: a `-` would make an option of what people paste.
   */
  token(bytes: number): string;
}
