// A peer for the tests: sends back what comes at `to/N` to `from/N`, at the QoS at which it came.
const fs = require("fs");
const mqtt = require("mqtt");

const [transport, port, version, ca] = process.argv.slice(2);
const url = {
  tcp: `mqtt://127.0.0.1:${port}`,
  ws: `ws://127.0.0.1:${port}/mqtt`,
  tls: `mqtts://localhost:${port}`,
  wss: `wss://localhost:${port}/mqtt`,
}[transport];
const client = mqtt.connect(url, {
  ca: fs.readFileSync(ca),
  clientId: "mqtt-js",
  protocolVersion: Number(version),
  reconnectPeriod: 0,
  will: { topic: "from/will", payload: "gone", qos: 1 },
});

client.on("connect", async () => {
  const filters = { "to/0": { qos: 0 }, "to/1": { qos: 1 }, "to/2": { qos: 2 }, "to/end": { qos: 1 }, "to/greeting": { qos: 1 } };
  await client.subscribeAsync(filters);
});

client.on("message", async (topic, payload, packet) => {
  const name = topic.split("/")[1];
  if (name === "greeting") {
    console.log(`greeted: ${payload} ${packet.retain ? "retained" : "live"}`);
  } else if (name === "end") {
    await client.endAsync();
    process.exit(0);
  } else {
    const userProperties = packet.properties?.userProperties;
    const properties = userProperties ? { userProperties } : undefined;
    await client.publishAsync(`from/${name}`, payload, { qos: packet.qos, properties });
  }
});

client.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
