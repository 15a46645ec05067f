//! The rate of a count a minute, averaged over a while as the load of a Unix machine is. It knows no topics.

/// The customary whiles, with their minutes.
pub(super) const PERIODS: [(&str, f64); 3] = [("1min", 1.0), ("5min", 5.0), ("15min", 15.0)];

/// One count and its averages.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    count: u64,
    averages: [f64; PERIODS.len()],
}

impl Load {
    /// Takes what the count is now, `passed` seconds after the last time. The older something is, the less it weighs:
    /// after one period a third of it is left.
    pub(super) fn add(&mut self, count: u64, passed: f64) {
        let new = count.saturating_sub(self.count);
        self.count = count;
        if passed <= 0.0 {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate of 2^53 is not met")]
        let rate = new as f64 * 60.0 / passed;
        for (average, (_, minutes)) in self.averages.iter_mut().zip(PERIODS) {
            *average = rate + (-passed / (60.0 * minutes)).exp() * (*average - rate);
        }
    }

    /// The averages in the order of [`PERIODS`], with two digits.
    pub(super) fn averages(&self) -> [String; PERIODS.len()] {
        self.averages.map(|average| format!("{average:.2}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_becomes_the_average_the_sooner_the_shorter_the_while() {
        let mut load = Load::default();
        for n in 1..=6 {
            load.add(n * 20, 10.0); // two a second
        }
        // 1 - 1/e of 120 after one period.
        assert_eq!(load.averages(), ["75.85", "21.75", "7.74"]);
        for n in 7..=600 {
            load.add(n * 20, 10.0);
        }
        assert_eq!(load.averages(), ["120.00", "120.00", "119.85"]);
        load.add(600 * 20, 60.0);
        assert_eq!(load.averages()[0], "44.15", "1/e is left of what is a minute old");
    }

    #[test]
    fn no_time_is_no_rate() {
        let mut load = Load::default();
        load.add(5, 0.0);
        assert_eq!(load.averages(), ["0.00", "0.00", "0.00"]);
    }
}
