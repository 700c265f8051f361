// Sends a thousand orders in batches. Run it twice: the second time nothing is stored.
import { Mailbox } from 'svc-mailbox';

const { MAILBOX_URL: url, MAILBOX_CAP: capability, TOPIC: topic = 'demo' } = process.env;
const mailbox = new Mailbox({ url, capability });
const producer = mailbox.producer({ topic, lingerMs: 10, bufferMessages: 500 });

for (let i = 0; i < 1000; i++) {
  // Waits while the buffer is full. The key is that of the order: whatever happens, it is stored once.
  await producer.enqueue({ payload: JSON.stringify({ amount: i }), idemKey: `order-${i}` });
}
const last = await producer.send({ payload: '{"amount":1000}', idemKey: 'order-1000' });
await producer.close(); // throws when one of them could not be sent

console.log(`order-1000 is ${last.msgId}${last.duplicate ? ', as before' : ''}`);
