// What 5.0 adds, as MQTT.js uses it: plays feature after feature against a broker and fails at the first that is not as it
// should be.
const assert = require("node:assert/strict");
const mqtt = require("mqtt");

const [transport, port] = process.argv.slice(2);
const url = transport === "ws" ? `ws://127.0.0.1:${port}/mqtt` : `mqtt://127.0.0.1:${port}`;
const PATIENCE = 10_000;

class Peer {
  static async connect(clientId, { properties, ...options } = {}) {
    const peer = new Peer();
    peer.messages = [];
    peer.waiting = [];
    peer.raw = [];
    peer.client = mqtt.connect(url, { clientId, protocolVersion: 5, reconnectPeriod: 0, properties, ...options });
    peer.client.on("packetreceive", (packet) => {
      if (packet.cmd === "publish") peer.raw.push({ ...packet.properties });
      if (packet.cmd === "puback" || packet.cmd === "unsuback") peer.reason = packet.reasonCode ?? packet.granted[0];
    });
    peer.client.on("message", (topic, payload, packet) => {
      peer.messages.push({ topic, text: payload.toString(), retain: packet.retain, ...packet.properties });
      peer.waiting.shift()?.();
    });
    peer.client.on("error", fail);
    peer.end = new Promise((resolve) => peer.client.on("disconnect", (packet) => resolve(packet.reasonCode)));
    peer.granted = await new Promise((resolve) => peer.client.on("connect", resolve));
    return peer;
  }

  async receive() {
    if (this.messages.length === 0) await new Promise((resolve) => this.waiting.push(resolve));
    return this.messages.shift();
  }

  async expect(...texts) {
    for (const text of texts) assert.equal((await this.receive()).text, text);
  }

  // What was sent before an answer has come before it.
  async expectNothing() {
    await this.subscribe("nothing/more");
    assert.deepEqual(this.messages, []);
  }

  async subscribe(topic, options = {}) {
    const granted = await this.client.subscribeAsync(topic, { qos: 1, ...options });
    return granted[0].qos;
  }

  async publish(topic, text, { qos = 1, retain = false, ...properties } = {}) {
    await this.client.publishAsync(topic, text, { qos, retain, properties });
    return this.reason;
  }

  async leave(properties) {
    await this.client.endAsync(false, { properties });
  }

  vanish() {
    this.client.stream.destroy();
  }
}

// By the broker's clock: a will comes when its delay is over.
async function letASecondPass() {
  const watcher = await Peer.connect("watcher");
  await watcher.subscribe("second");
  const will = { topic: "second", payload: "over", qos: 1, properties: { willDelayInterval: 1 } };
  (await Peer.connect("clock", { will, properties: { sessionExpiryInterval: 100 } })).vanish();
  await watcher.expect("over");
}

const features = {
  async topic_alias() {
    const here = await Peer.connect("here", { autoAssignTopicAlias: true });
    const there = await Peer.connect("there", { properties: { topicAliasMaximum: 5 } });
    assert(here.granted.properties.topicAliasMaximum > 1);
    await there.subscribe("a/long/topic/with/many/levels/#", { qos: 2 });
    for (let n = 0; n < 30; n++) {
      await here.publish(`a/long/topic/with/many/levels/${n % 3}`, `${n}`, { qos: n % 2 });
    }
    for (let n = 0; n < 30; n++) {
      const message = await there.receive();
      assert.deepEqual([message.topic, message.text], [`a/long/topic/with/many/levels/${n % 3}`, `${n}`]);
    }
    assert(there.raw.every(({ topicAlias }) => topicAlias === undefined || (topicAlias > 0 && topicAlias <= 5)));
    assert(there.raw.some(({ topicAlias }) => topicAlias), "a long topic is not said over and over");
  },

  async message_expiry() {
    const sleeper = await Peer.connect("sleeper", { properties: { sessionExpiryInterval: 100 } });
    await sleeper.subscribe("expiry");
    await sleeper.leave();
    const here = await Peer.connect("here");
    await here.publish("expiry", "short", { messageExpiryInterval: 1 });
    await here.publish("expiry", "long", { messageExpiryInterval: 100 });
    await here.publish("expiry", "for ever");
    await letASecondPass();
    const again = await Peer.connect("sleeper", { clean: false });
    const long = await again.receive();
    assert.equal(long.text, "long");
    assert(long.messageExpiryInterval >= 90 && long.messageExpiryInterval < 100, `${long.messageExpiryInterval}`);
    const ever = await again.receive();
    assert.deepEqual([ever.text, ever.messageExpiryInterval], ["for ever", undefined]);
    await again.expectNothing();
  },

  async shared_subscriptions() {
    const members = await Promise.all([0, 1, 2].map((n) => Peer.connect(`member-${n}`)));
    const here = await Peer.connect("here");
    for (const member of members) assert.equal(await member.subscribe("$share/group/tasks/+"), 1);
    for (let n = 0; n < 30; n++) await here.publish(`tasks/${n % 4}`, `${n}`);
    const got = [];
    for (const member of members) {
      await member.subscribe("nothing/more");
      assert(member.messages.length > 0, "each has some");
      got.push(...member.messages.map(({ text }) => Number(text)));
    }
    assert.deepEqual(got.sort((a, b) => a - b), [...Array(30).keys()], "each message went to one");
  },

  async user_properties() {
    const [here, there] = [await Peer.connect("here"), await Peer.connect("there")];
    await there.subscribe("users", { qos: 2 });
    const userProperties = { b: ["1", "1"], a: "2", ü: "€" };
    for (const qos of [0, 1, 2]) {
      const properties = { userProperties, contentType: "text/plain", payloadFormatIndicator: true };
      await here.publish("users", "x", { qos, ...properties });
      const got = await there.receive();
      assert.deepEqual({ ...got.userProperties }, userProperties);
      assert.deepEqual([got.contentType, got.payloadFormatIndicator], ["text/plain", true]);
    }
  },

  async request_response() {
    const [server, asking] = [await Peer.connect("server"), await Peer.connect("asking")];
    await server.subscribe("service/double");
    await asking.subscribe("answers/asking");
    for (let n = 0; n < 5; n++) {
      const properties = { responseTopic: "answers/asking", correlationData: Buffer.from([0, n]) };
      await asking.publish("service/double", `${n}`, properties);
      const { text, responseTopic, correlationData } = await server.receive();
      await server.publish(responseTopic, `${2 * text}`, { correlationData });
      const answer = await asking.receive();
      assert.deepEqual([answer.text, [...answer.correlationData]], [`${2 * n}`, [0, n]]);
    }
  },

  async subscription_options() {
    const [here, there] = [await Peer.connect("here"), await Peer.connect("there")];
    await here.publish("options", "kept", { retain: true });
    for (const peer of [here, there]) {
      await peer.subscribe("options", { nl: true, rap: true, rh: 2, properties: { subscriptionIdentifier: 268435455 } });
      await peer.expectNothing();
    }
    await here.publish("options", "live");
    await here.publish("options", "kept", { retain: true });
    await here.expectNothing();
    const got = [await there.receive(), await there.receive()];
    assert.deepEqual(got.map(({ text, retain }) => [text, retain]), [["live", false], ["kept", true]]);
    assert.equal(got[0].subscriptionIdentifier, 268435455);
  },

  async session_expiry() {
    const properties = { sessionExpiryInterval: 100 };
    const first = await Peer.connect("sleeper", { properties });
    assert.equal(first.granted.sessionPresent, false);
    await first.leave();
    const second = await Peer.connect("sleeper", { clean: false, properties });
    assert.equal(second.granted.sessionPresent, true);
    await second.leave({ sessionExpiryInterval: 0 });
    const third = await Peer.connect("sleeper", { clean: false, properties });
    assert.equal(third.granted.sessionPresent, false);
  },

  async wills() {
    const watcher = await Peer.connect("watcher");
    await watcher.subscribe("will");
    const properties = { willDelayInterval: 1, contentType: "text/plain", userProperties: { a: "b" } };
    const will = { topic: "will", payload: "gone", qos: 1, properties };
    const mortal = await Peer.connect("mortal", { will, properties: { sessionExpiryInterval: 100 } });
    const since = Date.now();
    mortal.vanish();
    const got = await watcher.receive();
    assert(Date.now() - since >= 900);
    assert.deepEqual([got.text, got.contentType, { ...got.userProperties }], ["gone", "text/plain", { a: "b" }]);
    await (await Peer.connect("polite", { will })).leave();
    await watcher.expectNothing();
  },

  async takeover() {
    const first = await Peer.connect("alice");
    await Peer.connect("alice");
    assert.equal(await first.end, 0x8e);
  },

  async reason_codes() {
    const peer = await Peer.connect("");
    assert(peer.granted.properties.assignedClientIdentifier.length > 0);
    assert.equal(await peer.publish("nobody/listens", "x"), 0x10);
    await assert.rejects(peer.publish("$SYS/broker/lie", "x"), { code: 0x87 });
    await peer.client.unsubscribeAsync("never");
    assert.equal(peer.reason, 0x11);
  },

  async flow_control() {
    const narrow = await Peer.connect("narrow", { properties: { receiveMaximum: 1, maximumPacketSize: 200 } });
    const here = await Peer.connect("here");
    await narrow.subscribe("flow", { qos: 2 });
    for (let n = 0; n < 20; n++) {
      await here.publish("flow", `${n}`, { qos: 1 + (n % 2) });
      await here.publish("flow", "x".repeat(300), { qos: 1 + (n % 2) });
    }
    for (let n = 0; n < 20; n++) await narrow.expect(`${n}`);
    await narrow.expectNothing();
  },
};

function fail(error) {
  console.error(error);
  process.exit(1);
}

async function play() {
  for (const [name, feature] of Object.entries(features)) {
    const late = setTimeout(() => fail(new Error(`${name}: nothing came in time`)), PATIENCE);
    await feature().catch((error) => fail(`${name}: ${error.stack}`));
    clearTimeout(late);
    console.log(`as it should be: ${name}`);
  }
  process.exit(0);
}

play();
