"""Measurements of the product's own speed, size and memory, on loopback servers."""
