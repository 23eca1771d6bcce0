//! What measuring all lines of a router costs in time: how long a round takes, how many lines a batch reaches, and what would
//! make it faster. Arithmetic only: knows neither router nor inventory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// One line: how long it takes when every packet comes back, and when none does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    pub alive: Duration,
    pub dead: Duration,
}

/// One round: every line measured once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// Until the last line is done.
    pub time: Duration,
    /// Lines done within the batch's deadline.
    pub reached: usize,
}

/// The round of these lines on so many lanes; so many percent of them are dead, evenly spread. Each lane takes the next line as
/// soon as it is free.
pub fn round(costs: &[Cost], lanes: usize, dead_percent: u32, deadline: Duration) -> Round {
    let mut free: BinaryHeap<Reverse<Duration>> = (0..lanes.max(1)).map(|_| Reverse(Duration::ZERO)).collect();
    let mut round = Round { time: Duration::ZERO, reached: 0 };
    let share = dead_percent.min(100);
    // The first is dead: a share is one line at least.
    let mut owed = if share == 0 { 0 } else { 100 - share };
    for cost in costs {
        owed += share;
        let is_dead = owed >= 100;
        owed -= if is_dead { 100 } else { 0 };
        let Reverse(begin) = free.pop().unwrap_or_default();
        let end = begin.saturating_add(if is_dead { cost.dead } else { cost.alive });
        free.push(Reverse(end));
        round.time = round.time.max(end);
        round.reached += usize::from(end <= deadline);
    }
    round
}

/// The fewest lanes with which a round is done within `time`, up to `most`.
pub fn lanes_for(costs: &[Cost], dead_percent: u32, time: Duration, most: usize) -> Option<usize> {
    (1..=most).find(|lanes| round(costs, *lanes, dead_percent, time).time <= time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: Cost = Cost { alive: Duration::from_millis(100), dead: Duration::from_secs(10) };

    #[test]
    fn lanes_share_the_lines() {
        let deadline = Duration::from_millis(250);
        assert_eq!(round(&[COST; 10], 1, 0, deadline), Round { time: Duration::from_secs(1), reached: 2 });
        assert_eq!(round(&[COST; 10], 2, 0, deadline), Round { time: Duration::from_millis(500), reached: 4 });
        assert_eq!(round(&[COST; 10], 2, 100, deadline), Round { time: Duration::from_secs(50), reached: 0 });
    }

    #[test]
    fn so_many_lines_are_dead_as_the_share_says() {
        // 20 dead ones of 10 s, 180 alive ones of 0.1 s, on one lane.
        assert_eq!(round(&[COST; 200], 1, 10, Duration::ZERO).time, Duration::from_secs(218));
        // A share beyond everything is everything.
        assert_eq!(round(&[COST; 2], 1, 250, Duration::ZERO).time, Duration::from_secs(20));
    }

    #[test]
    fn a_dead_line_holds_one_lane_only() {
        let lines = [COST, Cost { dead: COST.alive, ..COST }, COST];
        assert_eq!(round(&lines, 2, 34, Duration::ZERO).time, Duration::from_secs(10));
    }

    #[test]
    fn a_share_of_few_lines_is_one_at_least() {
        assert_eq!(round(&[COST; 3], 1, 1, Duration::ZERO).time, Duration::from_millis(10_200));
    }

    #[test]
    fn no_lines_take_no_time() {
        assert_eq!(round(&[], 2, 5, Duration::ZERO), Round { time: Duration::ZERO, reached: 0 });
    }

    #[test]
    fn the_fewest_lanes_that_are_enough_are_found() {
        let lines = [COST; 100];
        assert_eq!(lanes_for(&lines, 0, Duration::from_secs(10), 16), Some(1));
        assert_eq!(lanes_for(&lines, 0, Duration::from_secs(3), 16), Some(4));
        assert_eq!(lanes_for(&lines, 100, Duration::from_secs(3), 16), None);
    }
}
