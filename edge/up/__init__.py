"""A whole site on one machine under one supervisor: `edge up`, and `edge demo` with simulated cameras."""
