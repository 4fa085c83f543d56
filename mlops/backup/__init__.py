"""Backups of one instant, and restores of them: docs/decisions/0018-backup.md."""
