"""What happens here, sent to the addresses that admins name."""
