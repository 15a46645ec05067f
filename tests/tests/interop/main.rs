//! Real peers publish and subscribe through the built binary: Mosquitto's clients, paho-mqtt and MQTT.js; and our own
//! command-line client does through a real Mosquitto. Autobahn's cases are played against our WebSocket frames.

mod autobahn;
mod features;
mod libraries;
mod mosquitto_bridge;
mod mosquitto_clients;
mod our_client;
