import { noMailbox } from './error.ts';

/** A page of a list: its items are in a field of its own. */
export interface Page {
  /** The cursor of the page after it; null after the last. */
  readonly next: string | null;
}

/**
 * The items of all pages, each page asked for when the one before has been gone through. What comes in between may be seen or not;
 * nothing is seen twice. @throws MailboxError, also when a server gives a cursor that leads nowhere
 */
export async function* eachOf<P extends Page, Item>(
  ask: (cursor: string | undefined) => Promise<P>,
  itemsOf: (page: P) => readonly Item[],
): AsyncGenerator<Item, void, undefined> {
  let cursor: string | undefined;
  for (;;) {
    const page = await ask(cursor);
    yield* itemsOf(page);
    if (page.next === null) return;
    if (page.next === cursor) throw noMailbox(200, `answer: next ${page.next} is the cursor that was asked for`);
    cursor = page.next;
  }
}
