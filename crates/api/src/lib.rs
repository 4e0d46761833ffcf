//! Wire types shared by server, command line and agent.
