mod router_sim;
mod support;
