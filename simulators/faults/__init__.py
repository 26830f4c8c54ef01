"""What can be broken on purpose: process, operators, instruments, servers, network."""
