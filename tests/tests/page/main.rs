//! The page in headless Chromium, driven by WebDriver: what a person sees and does, against the built binary with the built page
//! inside. Tiles and states are found by the handles that are a contract, not by looks.

mod access;
mod account;
mod alarm;
mod arrange;
mod burst;
mod explorer;
mod firefox;
mod fleet;
mod language;
mod layout;
mod ledger;
mod life;
mod link;
mod looks;
mod npm;
mod own;
mod panel;
mod parts;
mod proof;
mod reasons;
mod secure;
mod share;
mod soak;
mod stage;
mod tapped;
mod tiles;
mod together;
mod untrusted;
mod worker;
