import { type Type, TypeMismatch, type Value } from './values.ts';

/** Reads values as TLC prints them, held to a type while reading. */
export class TlaReader {
  private readonly text: string;
  private at: number;

  constructor(text: string, at = 0) {
    this.text = text;
    this.at = at;
  }

  /** The next value, of this type. @throws TypeMismatch naming the place */
  read(type: Type): Value {
    switch (type.kind) {
      case 'number':
        return this.number();
      case 'boolean':
        if (this.take('TRUE')) return true;
        return this.take('FALSE') ? false : this.fail('TRUE or FALSE');
      case 'name':
        return this.name();
      case 'function':
      case 'sequence':
        return this.list('<<', '>>', () => this.read(type.of));
      case 'subset':
        return this.list('{', '}', () => this.number());
      case 'tuple': {
        let item = 0;
        return this.list('<<', '>>', () => this.read(type.of[item++] ?? this.fail('the end of the tuple')));
      }
    }
  }

  /** Everything was read. */
  end(): void {
    this.space();
    if (this.at !== this.text.length) this.fail('the end');
  }

  private list<T>(open: string, close: string, item: () => T): T[] {
    this.need(open);
    const items: T[] = [];
    if (this.take(close)) return items;
    do items.push(item());
    while (this.take(','));
    this.need(close);
    return items;
  }

  private number(): number {
    return Number(this.match(/-?\d+/y, 'a number'));
  }

  private name(): string {
    return this.match(/"[^"\\]*"/y, 'a string').slice(1, -1);
  }

  private match(pattern: RegExp, says: string): string {
    this.space();
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? this.fail(says);
    this.at += found.length;
    return found;
  }

  take(token: string): boolean {
    this.space();
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  need(token: string): void {
    if (!this.take(token)) this.fail(token);
  }

  private space(): void {
    while (this.at < this.text.length && this.text.charCodeAt(this.at) <= 32) this.at++;
  }

  private fail(says: string): never {
    throw new TypeMismatch(`at ${this.at}: ${says} expected, not ${this.text.slice(this.at, this.at + 40)}`);
  }
}
