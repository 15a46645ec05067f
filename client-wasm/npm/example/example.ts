// Every part of the API, as a program with strict types uses it: `cargo xtask npm` lets TypeScript check this file.
import { connect, MqttError, type ErrorCode, type LinkState, type Message, type Outcome, type Qos, type Reason } from 'switchboard-mqtt';

const stop = new AbortController();
const client = await connect('wss://broker.example/mqtt', {
  version: 5,
  clientId: 'example',
  username: 'alice',
  password: 'secret',
  sessionExpiry: 3600,
  clean: false,
  will: { topic: 'example/status', payload: 'gone', qos: 1, retain: true, delay: 5, properties: { contentType: 'text/plain' } },
  userProperties: [['from', 'example.ts']],
  authentication: { method: 'my-method', begin: () => 'who', answer: async (data) => data, finish: () => {} },
  durable: 'example',
  on: { message: (message) => show(message), indoubt: ({ topic, payload }) => console.log(topic, payload.length) },
  signal: stop.signal,
});

client
  .on('message', (message) => show(message))
  .on('state', (state: LinkState) => console.log(state))
  .on('close', ({ error, retryIn }) => console.log(error.code, error.reason, retryIn ?? 'never'))
  .on('why', ({ reason, words }) => console.log(reason satisfies Reason, words))
  .on('attempt', (number) => console.log(number.toFixed()))
  .on('notstored', (words) => console.log(words))
  .on('subscriptionlost', ({ filter, error }) => console.log(filter, error.message))
  .once('connect', ({ sessionPresent, maximumQos }) => console.log(sessionPresent, maximumQos));

const { qos }: { qos: Qos } = await client.subscribe('home/+/temperature', { qos: 1, retained: 'send-if-new' });
for (const result of await client.subscribe(['a/#', 'b/#'], { subscriptionId: 7, noLocal: true })) {
  if (result.granted) console.log(result.filter, result.qos);
  else console.log(result.filter, result.error.message);
}

try {
  const outcome: Outcome = await client.publish('home/lamp/set', new Uint8Array([1, 2]), {
    qos,
    retain: false,
    expiry: 5,
    offline: 2_000,
    signal: AbortSignal.timeout(3_000),
    properties: { contentType: 'application/octet-stream', userProperties: [['why', 'test']] },
  });
  if (outcome.status === 'acknowledged') console.log(outcome.reason, outcome.reasonString ?? '');
} catch (error) {
  if (!(error instanceof MqttError)) throw error;
  const code: ErrorCode = error.code;
  console.log(code satisfies string, error.reason?.toFixed());
}

await client.publish('home/lamp/set', 'OFF', { qos: 1, deadline: 2_000 });
console.log(client.why?.reason, client.subscriptions.join(), client.isDurable);
client.reauthenticate();
const answer = await client.request('home/clock/get', '', { qos: 1, deadline: 1_000, signal: stop.signal });
show(answer);
for await (const message of client.messages({ limit: 10, signal: stop.signal })) {
  await client.respond(message, 'pong');
  break;
}
await client.unsubscribe(['a/#', 'b/#']);
client.reconnect();
client.end();

function show(message: Message): void {
  const bytes: Uint8Array = message.payload;
  const json: unknown = message.json();
  console.log(message.topic, bytes.length, message.text, json, message.qos, message.retain, message.dup);
  console.log(message.properties.userProperties?.map(([name, value]) => `${name}=${value}`).join());
}

// What must not compile.
// @ts-expect-error there is no QoS 3
void client.publish('t', '', { qos: 3 });
// @ts-expect-error a payload is text or bytes
void client.publish('t', { on: true });
// @ts-expect-error there is no such event
client.on('mesage', () => {});
