// Handles the messages of a topic, eight at once, until Ctrl-C; what is in hand then is settled first.
import { Mailbox, Reject } from 'svc-mailbox';

const { MAILBOX_URL: url, MAILBOX_CAP: capability, TOPIC: topic = 'demo' } = process.env;
const mailbox = new Mailbox({ url, capability });

const consumer = mailbox.consume(
  topic,
  async (message) => {
    const order = message.json();
    if (order.amount === undefined) throw new Reject('an order has an amount'); // to the dead letters
    console.log(`${message.key}: ${order.amount} (attempt ${message.attempt})`); // returns: acked; throws: comes again
  },
  { concurrency: 8, onTrouble: (trouble) => console.error(trouble.kind, String(trouble.error ?? trouble.field)) },
);

process.once('SIGINT', () => consumer.stop());
await consumer.done; // rejects when it cannot go on, such as with a capability that ended
console.log('stopped');
