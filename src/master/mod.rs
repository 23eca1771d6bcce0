//! The background process of one router: listens, queues, keeps its lanes.

pub mod hold_down;
