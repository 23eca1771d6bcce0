//! The only place that imports ssh2: one session, one pseudo-terminal, one interactive shell.
