"""Certificates to try out sites and headquarters with, and the files of both brokers made from them."""
