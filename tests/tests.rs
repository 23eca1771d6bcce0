//! One test binary; each module is a topic.

mod router_sim;
mod support;
