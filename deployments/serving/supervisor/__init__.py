"""Model processes of this machine: forked from a warm zygote, watched, replaced."""
