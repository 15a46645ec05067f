//! What a process has cost, as Linux counts it. Knows no broker.

use std::fs;

use anyhow::{Context as _, Result};

/// A process by its number; without one all figures are no numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process(pub(crate) Option<u32>);

impl Process {
    pub(crate) fn ourselves() -> Self {
        Self(Some(std::process::id()))
    }

    /// Microseconds that its threads were on a processor.
    pub(crate) fn cpu_us(self) -> Result<f64> {
        let Some(pid) = self.0 else { return Ok(f64::NAN) };
        let mut nanoseconds = 0.0;
        for task in fs::read_dir(format!("/proc/{pid}/task")).context("the broker is gone")? {
            // A thread may end between the two looks.
            let counts = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            nanoseconds += first_number(&counts).unwrap_or(0.0);
        }
        Ok(nanoseconds / 1000.0)
    }

    /// Bytes of memory that it holds.
    pub(crate) fn memory(self) -> Result<f64> {
        let Some(pid) = self.0 else { return Ok(f64::NAN) };
        let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the broker is gone")?;
        Ok(kib_of(&status, "VmRSS:").context("it has no VmRSS")? * 1024.0)
    }
}

fn first_number(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

fn kib_of(status: &str, key: &str) -> Option<f64> {
    first_number(status.lines().find_map(|line| line.strip_prefix(key))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_its_line() {
        assert_eq!(kib_of("VmHWM:\t  900 kB\nVmRSS:\t  1234 kB\n", "VmRSS:"), Some(1234.0));
        assert_eq!(kib_of("Name:\tx\n", "VmRSS:"), None);
    }

    #[test]
    fn this_process_costs_something_and_none_costs_no_number() {
        assert!(Process::ourselves().memory().unwrap() > 100_000.0);
        assert!(Process(None).cpu_us().unwrap().is_nan());
    }
}
