//! How busy this thread is, and how much of the processors nobody uses. It knows nothing of what the thread does.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What was used at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    wall: Duration,
    thread: Duration,
    process: Duration,
    /// What all processors that we may use have idled so far.
    idle: Duration,
}

/// What was used between two moments, in processors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Used {
    /// By this thread.
    pub(super) thread: f64,
    /// By nobody, of what we may use.
    pub(super) idle: f64,
}

impl Load {
    /// None where the system does not say.
    pub(super) fn now() -> Option<Self> {
        let idle = idle_of(&std::fs::read_to_string("/proc/stat").ok()?, &may_use()?)?;
        let (wall, thread) = (used(ClockId::Monotonic), used(ClockId::ThreadCPUTime));
        Some(Self { wall, thread, process: used(ClockId::ProcessCPUTime), idle })
    }

    /// What was used since.
    pub(super) fn since(&self, before: &Self) -> Used {
        let wall = (self.wall - before.wall).as_secs_f64().max(1e-3);
        let share = |now: Duration, then: Duration| now.saturating_sub(then).as_secs_f64() / wall;
        // What is left of a quota may be less than what idles.
        let ours = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let left = ours - share(self.process, before.process);
        Used { thread: share(self.thread, before.thread), idle: share(self.idle, before.idle).min(left) }
    }
}

/// What a clock of the system has counted.
pub(super) fn used(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

/// The processors this thread may run on.
fn may_use() -> Option<Vec<usize>> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some(numbers(list.trim()))
}

/// Those of a list such as `0-2,5`.
fn numbers(list: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse().ok()?..=last.parse::<usize>().ok()?)
    };
    list.split(',').filter_map(range).flatten().collect()
}

/// What these processors have idled, by the text of `/proc/stat`: of each a line with what it did, in hundredths of a second, of
/// which the fourth and fifth are idle and waiting for a disk.
fn idle_of(stat: &str, processors: &[usize]) -> Option<Duration> {
    let ticks = stat.lines().filter_map(|line| {
        let (name, times) = line.strip_prefix("cpu")?.split_once(' ')?;
        let is_ours = processors.contains(&name.parse().ok()?);
        let mut times = times.split_whitespace().map(|time| time.parse::<u64>().unwrap_or_default());
        is_ours.then(|| times.nth(3).unwrap_or_default() + times.next().unwrap_or_default())
    });
    let ticks: Vec<u64> = ticks.collect();
    (!ticks.is_empty()).then(|| Duration::from_millis(10 * ticks.iter().sum::<u64>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_processors_count() {
        let stat = "cpu  9 9 9 9 9 9\ncpu0 1 2 3 400 50 6\ncpu1 1 2 3 1000 0 6\ncpu10 1 2 3 7 0 0\nintr 5\n";
        assert_eq!(idle_of(stat, &[0]), Some(Duration::from_millis(4500)));
        assert_eq!(idle_of(stat, &[0, 10]), Some(Duration::from_millis(4570)));
        assert_eq!(idle_of(stat, &[3]), None);
        assert_eq!(idle_of("", &[0]), None);
        assert_eq!(numbers("0-2,5"), [0, 1, 2, 5]);
    }

    #[test]
    fn a_thread_that_works_is_busy() {
        let Some(before) = Load::now() else { return }; // a system that does not say
        let mut sum = 0u64;
        while Load::now().is_some_and(|now| now.thread - before.thread < Duration::from_millis(50)) {
            sum = sum.wrapping_add(1);
        }
        let used = Load::now().unwrap().since(&before);
        assert!(used.thread > 0.0 && used.thread <= 1.1 && sum > 0, "{used:?}");
        assert!(used.idle <= std::thread::available_parallelism().map_or(1, usize::from) as f64);
    }
}
