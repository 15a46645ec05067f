//! A fixed script for the broker and the codec, whose instructions `cargo xtask guard` counts: what must not become more
//! expensive unnoticed. The same every time: no socket, no clock, no thread, one seed.
//!
//! Callgrind counts while [`counted`] runs and puts down the sum when [`script_ends`] does; by both names xtask knows them.
//! What a client would do (write its packets, read what it is sent) is not counted.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for xtask: it prints what it has done, and may stop at the first surprise"
)]

mod house;
mod scripts;

/// Plays the script that is named, or all. Prints one line for each, in the order of the sums: its name, and how many
/// operations it was.
fn main() {
    let only = std::env::args().nth(1);
    for (name, play) in
        scripts::ALL.into_iter().filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name))
    {
        let operations = play();
        script_ends();
        println!("{name} {operations}");
    }
}

/// Whatever happens in here is counted.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
}

#[inline(never)]
fn script_ends() {
    std::hint::black_box(());
}
