"""Keyframes into pictures, in a child process that can do no harm: shared by whoever shows or judges pictures."""
