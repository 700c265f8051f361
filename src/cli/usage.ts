/** The call itself was wrong, or a file that it names cannot be read: one line that names flag and value, exit 2. */
export class UsageError extends Error {
  readonly code: 'E_USAGE' | 'E_FILE';

  constructor(message: string, code: 'E_USAGE' | 'E_FILE' = 'E_USAGE') {
    super(message);
    this.code = code;
  }
}
