//! The page's program.

fn main() {
    client_wasm::start();
}
