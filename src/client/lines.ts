import { noMailbox } from './error.ts';

/** Of one line: more than the largest message as JSON. */
const LINE_CHARACTERS_MAX = 4 * 1024 ** 2;

/** The lines of a body as they come, blank ones left out. @throws MailboxError when one has no end */
export async function* linesOf(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
    rest = lines.pop() as string;
    if (rest.length > LINE_CHARACTERS_MAX)
      throw noMailbox(response.status, `answer: a line of more than ${LINE_CHARACTERS_MAX} characters`);
    for (const line of lines) if (line !== '') yield line;
  }
}
