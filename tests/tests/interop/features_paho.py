# What 5.0 adds, as paho-mqtt uses it: plays feature after feature against a broker and fails at the first that is not as it
# should be.
import queue
import sys
import time
import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

PATIENCE = 10
KIND = {"tcp": "tcp", "ws": "websockets"}
transport, port = sys.argv[1], int(sys.argv[2])


def properties(kind, **values):
    some = Properties(kind)
    for name, value in values.items():
        setattr(some, name, value)
    return some


class Peer:
    """A client that waits for what it is told to wait for."""

    all = []

    def __init__(self, client_id, clean=True, will=None, **connect):
        Peer.all.append(self)
        self.messages, self.acks, self.ends = queue.Queue(), queue.Queue(), queue.Queue()
        self.client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5, transport=KIND[transport]
        )
        if transport == "ws":
            self.client.ws_set_options(path="/mqtt")
        if will:
            self.client.will_set(**will)
        connected = queue.Queue()
        self.client.on_connect = lambda c, u, flags, reason, p: connected.put((flags, reason, p))
        self.client.on_message = lambda c, u, message: self.messages.put(message)
        self.client.on_subscribe = lambda c, u, mid, reasons, p: self.acks.put(reasons[0].value)
        self.client.on_unsubscribe = lambda c, u, mid, reasons, p: self.acks.put(reasons[0].value)
        self.client.on_publish = lambda c, u, mid, reason, p: self.acks.put(reason.value)
        self.client.on_disconnect = lambda c, u, flags, reason, p: self.ends.put(reason.value)
        asked = properties(PacketTypes.CONNECT, **connect) if connect else None
        self.client.connect("127.0.0.1", port, keepalive=30, clean_start=clean, properties=asked)
        self.client.loop_start()
        flags, reason, self.granted = connected.get(timeout=PATIENCE)
        assert not reason.is_failure, reason
        self.session_present = flags.session_present

    def subscribe(self, topic, qos=1, **options):
        identifier = options.pop("identifier", None)
        some = properties(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=identifier) if identifier else None
        self.client.subscribe(topic, options=SubscribeOptions(qos=qos, **options), properties=some)
        return self.acks.get(timeout=PATIENCE)

    def unsubscribe(self, topic):
        self.client.unsubscribe(topic)
        return self.acks.get(timeout=PATIENCE)

    def publish(self, topic, payload="", qos=1, retain=False, **values):
        some = properties(PacketTypes.PUBLISH, **values) if values else None
        self.client.publish(topic, payload, qos, retain, some)
        return self.acks.get(timeout=PATIENCE)

    def receive(self):
        return self.messages.get(timeout=PATIENCE)

    def expect(self, *payloads):
        got = [self.receive().payload.decode() for _ in payloads]
        assert got == list(payloads), got

    def expect_nothing(self):
        """What was sent before an answer has come before it."""
        self.subscribe("nothing/more")
        assert self.messages.empty(), self.messages.get().payload

    def leave(self, reason=None, **values):
        some = properties(PacketTypes.DISCONNECT, **values) if values else None
        self.client.disconnect(reason, some)
        self.client.loop_stop()

    def vanish(self):
        self.client.loop_stop()
        self.client._sock_close()


def topic_alias():
    here, there = Peer("here"), Peer("there")
    assert here.granted.TopicAliasMaximum > 1
    there.subscribe("alias/#", 2)
    for qos in range(3):
        here.publish(f"alias/{qos}", "named", qos, TopicAlias=qos + 1)
    for qos in range(3):
        here.publish("", "by its number", qos, TopicAlias=qos + 1)
    got = [there.receive() for _ in range(6)]
    # One of QoS 2 is handed on when its handshake is over, so others may come before it.
    assert sorted(message.topic for message in got) == ["alias/0", "alias/0", "alias/1", "alias/1", "alias/2", "alias/2"]
    assert not any(hasattr(message.properties, "TopicAlias") for message in got), "ours are not theirs"


def let_a_second_pass():
    """By the broker's clock: a will comes when its delay is over."""
    watcher = Peer("watcher")
    watcher.subscribe("second")
    will = properties(PacketTypes.WILLMESSAGE, WillDelayInterval=1)
    mortal = {"topic": "second", "payload": "over", "qos": 1, "properties": will}
    Peer("clock", will=mortal, SessionExpiryInterval=100).vanish()
    watcher.expect("over")


def message_expiry():
    sleeper = Peer("sleeper", SessionExpiryInterval=100)
    sleeper.subscribe("expiry")
    sleeper.leave()
    here = Peer("here")
    here.publish("expiry", "short", MessageExpiryInterval=1)
    here.publish("expiry", "long", MessageExpiryInterval=100)
    here.publish("expiry", "for ever")
    let_a_second_pass()
    sleeper = Peer("sleeper", clean=False)
    long, ever = sleeper.receive(), sleeper.receive()
    assert long.payload == b"long" and 90 <= long.properties.MessageExpiryInterval < 100, long.properties
    assert ever.payload == b"for ever" and not hasattr(ever.properties, "MessageExpiryInterval")
    sleeper.expect_nothing()


def shared_subscriptions():
    members, outside, here = [Peer(f"member-{n}") for n in range(3)], Peer("outside"), Peer("here")
    for member in members:
        assert getattr(member.granted, "SharedSubscriptionAvailable", 1) == 1
        assert member.subscribe("$share/group/tasks/+") == 1
    outside.subscribe("tasks/#")
    for n in range(30):
        here.publish(f"tasks/{n % 4}", str(n))
    outside.expect(*[str(n) for n in range(30)])
    shares = [[] for _ in members]
    for share, member in zip(shares, members):
        member.subscribe("nothing/more")
        while not member.messages.empty():
            share.append(int(member.receive().payload))
        assert share and share == sorted(share), "each has some, in their order"
    assert sorted(sum(shares, [])) == list(range(30)), "each message went to one"
    members[0].leave()
    assert members[1].unsubscribe("$share/group/tasks/+") == 0
    for n in range(6):
        here.publish("tasks/0", str(n))
    members[2].expect(*[str(n) for n in range(6)])
    members[1].expect_nothing()


def user_properties():
    here, there = Peer("here"), Peer("there")
    there.subscribe("users", 2)
    users = [("b", "1"), ("a", "2"), ("b", "1"), ("", ""), ("ü", "€")]
    for qos in range(3):
        here.publish("users", "x", qos, UserProperty=users, ContentType="text/plain", PayloadFormatIndicator=1)
        got = there.receive().properties
        assert got.UserProperty == users and got.ContentType == "text/plain" and got.PayloadFormatIndicator == 1
    here.publish("users", "kept", retain=True, UserProperty=users)
    there.receive()
    late = Peer("late")
    late.subscribe("users")
    assert late.receive().properties.UserProperty == users


def request_response():
    server, asking = Peer("server"), Peer("asking", RequestResponseInformation=1)
    server.subscribe("service/double")
    basis = getattr(asking.granted, "ResponseInformation", "answers/asking")
    asking.subscribe(f"{basis}/#")
    for n in range(5):
        asking.publish("service/double", str(n), ResponseTopic=f"{basis}/here", CorrelationData=bytes([0, n]))
    for _ in range(5):
        asked = server.receive()
        answer, data = str(2 * int(asked.payload)), asked.properties.CorrelationData
        server.publish(asked.properties.ResponseTopic, answer, CorrelationData=data)
    for n in range(5):
        got = asking.receive()
        assert got.payload == str(2 * n).encode() and got.properties.CorrelationData == bytes([0, n])


def subscription_options():
    here, there = Peer("here"), Peer("there")
    here.publish("options", "kept", retain=True)
    for peer in here, there:
        peer.subscribe("options", noLocal=True, retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        peer.expect_nothing()
    here.publish("options", "live")
    here.publish("options", "kept", retain=True)
    here.expect_nothing()
    assert [(m.payload, m.retain) for m in (there.receive(), there.receive())] == [(b"live", False), (b"kept", True)]
    there.subscribe("options", retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
    there.expect_nothing()
    assert there.unsubscribe("options") == 0
    there.subscribe("options", retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
    there.expect("kept")


def subscription_identifiers():
    here, there = Peer("here"), Peer("there")
    there.subscribe("ids/#", identifier=7)
    there.subscribe("ids/+", identifier=268_435_455)
    there.subscribe("ids/a")
    here.publish("ids/a", "x")
    assert sorted(there.receive().properties.SubscriptionIdentifier) == [7, 268_435_455]
    there.expect_nothing()


def session_expiry():
    first = Peer("sleeper", SessionExpiryInterval=100)
    assert not first.session_present
    first.leave()
    second = Peer("sleeper", clean=False, SessionExpiryInterval=100)
    assert second.session_present
    second.leave(SessionExpiryInterval=0)
    assert not Peer("sleeper", clean=False).session_present


def wills():
    watcher = Peer("watcher")
    watcher.subscribe("will")
    will = properties(PacketTypes.WILLMESSAGE, WillDelayInterval=1, ContentType="text/plain", UserProperty=("a", "b"))
    peer = Peer("mortal", will={"topic": "will", "payload": "gone", "qos": 1, "properties": will}, SessionExpiryInterval=100)
    since = time.monotonic()
    peer.vanish()
    got = watcher.receive()
    assert got.payload == b"gone" and time.monotonic() - since >= 0.9
    assert got.properties.ContentType == "text/plain" and got.properties.UserProperty == [("a", "b")]
    assert not hasattr(got.properties, "WillDelayInterval")
    peer = Peer("leaving", will={"topic": "will", "payload": "left", "qos": 1})
    peer.leave(paho.ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message"))
    watcher.expect("left")
    Peer("polite", will={"topic": "will", "payload": "never", "qos": 1}).leave()
    watcher.expect_nothing()


def takeover():
    first = Peer("alice")
    Peer("alice")
    assert first.ends.get(timeout=PATIENCE) == 0x8E
    first.client.loop_stop()


def reason_codes():
    peer = Peer("")
    assert len(peer.granted.AssignedClientIdentifier) > 0
    assert peer.publish("nobody/listens") == 0x10
    assert peer.publish("$SYS/broker/lie") == 0x87
    assert peer.unsubscribe("never") == 0x11
    assert peer.subscribe("yes", 2) == 2


def flow_control():
    narrow, here = Peer("narrow", ReceiveMaximum=1, MaximumPacketSize=200), Peer("here")
    narrow.subscribe("flow", 2)
    for n in range(20):
        here.publish("flow", str(n), 1 + n % 2)
        here.publish("flow", "x" * 300, 1 + n % 2)
    narrow.expect(*[str(n) for n in range(20)])
    narrow.expect_nothing()


FEATURES = [
    topic_alias,
    message_expiry,
    shared_subscriptions,
    user_properties,
    request_response,
    subscription_options,
    subscription_identifiers,
    session_expiry,
    wills,
    takeover,
    reason_codes,
    flow_control,
]
for feature in FEATURES:
    feature()
    while Peer.all:
        Peer.all.pop().leave()  # or it would come again by itself and take over the next of its name
    print(f"as it should be: {feature.__name__}", flush=True)
