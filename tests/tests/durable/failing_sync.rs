//! A library that is loaded before those of the system (`LD_PRELOAD`): every fsync fails as on a disk that breaks, from the
//! moment the file named by `SWITCHBOARD_SYNC_FAILS` is there.
//!
//! No crate has this file: rustc compiles it by itself when the test runs, since only a foreign function with the name of the
//! system's own takes its place. For the same reason it has no dependency that would name the system's functions for it, and
//! stands outside the lints of the workspace, which allow no `unsafe`.

use std::ffi::{c_int, c_long};
use std::path::Path;

const EIO: c_int = 5;

#[cfg(target_arch = "x86_64")]
const FSYNC_AND_FDATASYNC: [c_long; 2] = [74, 75];
#[cfg(not(target_arch = "x86_64"))]
const FSYNC_AND_FDATASYNC: [c_long; 2] = [82, 83]; // of all younger architectures

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn __errno_location() -> *mut c_int;
}

#[unsafe(no_mangle)]
extern "C" fn fsync(file: c_int) -> c_int {
    sync(FSYNC_AND_FDATASYNC[0], file)
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(file: c_int) -> c_int {
    sync(FSYNC_AND_FDATASYNC[1], file)
}

fn sync(number: c_long, file: c_int) -> c_int {
    let fails = std::env::var_os("SWITCHBOARD_SYNC_FAILS").is_some_and(|path| Path::new(&path).exists());
    if fails {
        // SAFETY: the address of this thread's own number.
        unsafe { *__errno_location() = EIO };
        return -1;
    }
    // SAFETY: a call of the kernel that takes one number and touches no memory.
    unsafe { syscall(number, file) as c_int }
}
