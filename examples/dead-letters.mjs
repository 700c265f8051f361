// Lists the dead letters of a topic and puts those back that can be mended. Needs a capability with op = admin.
import { Mailbox, ScopeError } from 'svc-mailbox';

const { MAILBOX_URL: url, MAILBOX_CAP: capability, TOPIC: topic = 'demo' } = process.env;
const mailbox = new Mailbox({ url, capability });
const again = [];

try {
  // Page by page, as they are gone through.
  for await (const { msg_id, idem_key, reason, last_error, attempt } of mailbox.eachDeadLetter({
    topic,
    limit: '100',
  })) {
    console.log(`${idem_key}: ${reason} after ${attempt}: ${last_error}`);
    if (reason === 'max_attempts') again.push(msg_id);
  }
  if (again.length > 0) console.log(await mailbox.reprocess({ topic, msg_ids: again.slice(0, 1000) }));
} catch (error) {
  if (!(error instanceof ScopeError)) throw error;
  console.error(`${error.code}: ask for a capability with op = admin (corr_id ${error.corrId})`);
}
