"""The way of events off this machine: a durable outbox, a relay to the broker, heartbeats, replays and consumers."""
