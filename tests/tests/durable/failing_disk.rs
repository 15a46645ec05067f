//! A library that is loaded before those of the system (`LD_PRELOAD`): a disk that breaks at the moment the file named by
//! `SWITCHBOARD_DISK_FAILS` is there. Where that file says `read-only`, the disk takes nothing any more, as a file system does
//! that found itself damaged; else it takes all, and keeps nothing: only fsync fails. `SWITCHBOARD_DISK_SLOW_US` makes each fsync
//! take so many microseconds longer, for those who want to know what a slower disk would cost.
//!
//! No crate has this file: rustc compiles it by itself when the test runs, since only a foreign function with the name of the
//! system's own takes its place. For the same reason it has no dependency that would name the system's functions for it, and
//! stands outside the lints of the workspace, which allow no `unsafe`.

use std::ffi::{c_int, c_long, c_void};

const EIO: c_int = 5;
const EROFS: c_int = 30;

/// Numbers of the calls on systems of 64 bits.
#[cfg(target_arch = "x86_64")]
mod number {
    pub(super) const PWRITE: super::c_long = 18;
    pub(super) const FSYNC: super::c_long = 74;
    pub(super) const FDATASYNC: super::c_long = 75;
    pub(super) const FTRUNCATE: super::c_long = 77;
}

/// The same of all younger architectures.
#[cfg(not(target_arch = "x86_64"))]
mod number {
    pub(super) const PWRITE: super::c_long = 68;
    pub(super) const FSYNC: super::c_long = 82;
    pub(super) const FDATASYNC: super::c_long = 83;
    pub(super) const FTRUNCATE: super::c_long = 46;
}

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn __errno_location() -> *mut c_int;
}

/// What the disk answers, if it is broken.
fn fault() -> Option<c_int> {
    let path = std::env::var_os("SWITCHBOARD_DISK_FAILS")?;
    let text = std::fs::read_to_string(path).ok()?;
    Some(if text == "read-only" { EROFS } else { EIO })
}

fn refused(errno: c_int) -> c_long {
    // SAFETY: the address of this thread's own number.
    unsafe { *__errno_location() = errno };
    -1
}

#[unsafe(no_mangle)]
extern "C" fn fsync(file: c_int) -> c_int {
    sync(number::FSYNC, file)
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(file: c_int) -> c_int {
    sync(number::FDATASYNC, file)
}

fn sync(number: c_long, file: c_int) -> c_int {
    let done = match fault() {
        Some(errno) => refused(errno),
        None => {
            if let Some(us) = std::env::var("SWITCHBOARD_DISK_SLOW_US").ok().and_then(|us| us.parse().ok()) {
                std::thread::sleep(std::time::Duration::from_micros(us));
            }
            // SAFETY: a call of the kernel that takes one number and touches no memory.
            unsafe { syscall(number, file) }
        }
    };
    done as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite64(file: c_int, bytes: *const c_void, count: usize, offset: i64) -> isize {
    let done = match fault() {
        Some(EROFS) => refused(EROFS),
        // SAFETY: the same call with what the caller promises.
        _ => unsafe { syscall(number::PWRITE, file, bytes, count, offset) },
    };
    done as isize
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate64(file: c_int, length: i64) -> c_int {
    let done = match fault() {
        Some(EROFS) => refused(EROFS),
        // SAFETY: a call of the kernel that takes two numbers and touches no memory.
        _ => unsafe { syscall(number::FTRUNCATE, file, length) },
    };
    done as c_int
}
