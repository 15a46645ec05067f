# A peer for the tests: sends back what comes at `to/N` to `from/N`, at the QoS at which it came.
import sys
import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

transport, port, version, ca = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
client = paho.Client(
    paho.CallbackAPIVersion.VERSION2,
    client_id="paho",
    protocol=paho.MQTTv5 if version == 5 else paho.MQTTv311,
    transport="websockets" if transport in ("ws", "wss") else "tcp",
)
if transport in ("ws", "wss"):
    client.ws_set_options(path="/mqtt")
if transport in ("tls", "wss"):
    client.tls_set(ca)
client.will_set("from/will", "gone", qos=1)


def on_connect(client, userdata, flags, reason, properties):
    if reason.is_failure:
        sys.exit(f"refused: {reason}")
    client.subscribe([("to/0", 0), ("to/1", 1), ("to/2", 2), ("to/end", 1), ("to/greeting", 1)])


def on_message(client, userdata, message):
    name = message.topic.split("/")[1]
    if name == "greeting":
        print(f"greeted: {message.payload.decode()} {'retained' if message.retain else 'live'}", flush=True)
    elif name == "end":
        client.disconnect()
    else:
        properties = None
        if version == 5:
            properties = Properties(PacketTypes.PUBLISH)
            properties.UserProperty = message.properties.UserProperty
        client.publish(f"from/{name}", message.payload, qos=message.qos, properties=properties)


def on_disconnect(client, userdata, flags, reason, properties):
    if flags.is_disconnect_packet_from_server or reason.is_failure:
        sys.exit(f"cut off: {reason}")


client.on_connect = on_connect
client.on_message = on_message
client.on_disconnect = on_disconnect
client.connect("localhost" if transport in ("tls", "wss") else "127.0.0.1", port, keepalive=30)
client.loop_forever()
