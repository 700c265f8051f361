// The same as a loop that takes what is there and leaves: each message is acked by hand.
import { Mailbox } from 'svc-mailbox';

const { MAILBOX_URL: url, MAILBOX_CAP: capability, TOPIC: topic = 'demo' } = process.env;
const mailbox = new Mailbox({ url, capability });

const messages = mailbox.consume(topic, { concurrency: 4, visibilityMs: 60_000 });
const { depth } = await mailbox.stats(topic);
let done = 0;

for await (const message of messages) {
  console.log(`${message.key}: ${message.text()}`);
  if (!(await message.ack())) continue; // its lease was over: somebody else has it now
  if (++done === depth) break; // what was leased beyond it goes back at once
}
console.log(`${done} of ${depth}`);
