"""Training and evaluation of a DMN on many small worlds (tables 1 and 2 of the DMN paper)."""
