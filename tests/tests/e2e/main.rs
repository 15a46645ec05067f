//! The broker end to end: the built binary, real sockets, by chapters of the standard. Each scenario is played over TCP and
//! WebSocket, and for 3.1, 3.1.1 and 5.0 where all have it.

mod acme;
mod browser_login;
mod claim;
mod command_line;
mod connect;
mod demo;
mod flow;
mod http;
mod jwt;
mod keep_alive;
mod limit_names;
mod limits;
mod login;
mod malformed;
mod mutual_tls;
mod pace;
mod proxy;
mod publish;
mod retained;
mod rules;
mod security;
mod session;
mod settings;
mod slow;
mod split;
mod subscribe;
mod sys;
mod tls;
mod tls_client;
mod trust;
mod unix_socket;
mod users;
mod version_3_1;
mod websocket;
mod will;
