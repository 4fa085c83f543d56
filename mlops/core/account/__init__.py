"""Sign-in, the caller's own account and tokens, and the audit trail over HTTP."""
