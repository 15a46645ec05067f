import { connect } from './switchboard-mqtt/index.js';

const [state, list] = ['#state', '#messages'].map((id) => document.querySelector(id));
const client = await connect(new URLSearchParams(location.search).get('broker') ?? '/mqtt', { waitForServer: true });
client.on('message', ({ topic, text }) => list.append(Object.assign(document.createElement('li'), { textContent: `${topic}: ${text}` })));
client.on('state', (now) => (state.textContent = now));
const { qos } = await client.subscribe('example/#', { qos: 1 });
state.textContent = `${client.state}, QoS ${qos}`;
document.forms[0].onsubmit = (event) => {
  event.preventDefault();
  client.publish('example/chat', new FormData(event.target).get('text'), { qos: 1, expiry: 5 });
};
