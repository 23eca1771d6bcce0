//! The conversation with a router's CLI, without I/O: bytes in, events out.
