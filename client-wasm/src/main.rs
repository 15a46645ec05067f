//! The page's program.

/// Faster than the one of the standard library, and two kilobytes of brotli less.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

fn main() {
    client_wasm::start();
}
