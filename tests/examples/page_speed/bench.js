// One client of several, chosen by ?client=, counts messages and says `ack` after each burst. Every client's listener does the
// same: it looks at the topic, at the payload's length and at its first byte.

const query = new URLSearchParams(location.search);
const url = query.get('url');
const burst = Number(query.get('burst'));
const clientId = `bench-${Math.random().toString(36).slice(2, 12)}`;

const state = { count: 0, letters: 0, bytes: 0, first: 0, busy: 0, began: 0, failed: '' };
window.state = state;

let acknowledge;
const take = (topic, payload) => {
  if (state.count % burst === 0) state.began = performance.now();
  state.letters += topic.length;
  state.bytes += payload.length;
  state.first += payload[0];
  state.count += 1;
  if (state.count % burst === 0) {
    state.busy += performance.now() - state.began;
    acknowledge();
  }
};

const clients = {
  async ours() {
    const { connect } = await import('./switchboard-mqtt/index.js');
    const client = await connect(url, { clientId });
    acknowledge = () => client.publish('ack', 'x');
    client.on('message', (message) => take(message.topic, message.payload));
    await client.subscribe('bench/+');
  },
  async mqttjs() {
    const { default: mqtt } = await import('./mqtt.esm.js');
    const client = await mqtt.connectAsync(url, { clientId, protocolVersion: 5, timerVariant: 'native' });
    acknowledge = () => client.publish('ack', 'x');
    client.on('message', take);
    await client.subscribeAsync('bench/+');
  },
  async paho() {
    const client = new window.Paho.Client(url, clientId);
    acknowledge = () => client.send('ack', 'x');
    client.onMessageArrived = (message) => take(message.destinationName, message.payloadBytes);
    await new Promise((onSuccess, onFailure) => client.connect({ onSuccess, onFailure, mqttVersion: 4 }));
    await new Promise((onSuccess, onFailure) => client.subscribe('bench/+', { onSuccess, onFailure }));
  },
  async u8mqtt() {
    const { default: mqtt } = await import('./u8-mqtt.js');
    const client = mqtt().with_websock(url);
    acknowledge = () => client.send('ack', 'x'); // its QoS 0 throws in 0.6.7
    await client.connect({ client_id: clientId });
    await client.subscribe_topic('bench/:n', (packet) => take(packet.topic, packet.payload));
  },
};

clients[query.get('client')]().then(
  () => (document.documentElement.dataset.ready = 'yes'),
  (error) => {
    state.failed = `${error?.stack ?? error?.errorMessage ?? error}`;
    document.documentElement.dataset.ready = 'yes';
  },
);
