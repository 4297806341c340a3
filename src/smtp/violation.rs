//! Each way in which a client can break the protocol, and the reply that it earns.
