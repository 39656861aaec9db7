"""Subscriptions, monitored items and what they send (Part 4, 5.13 and 5.14): data changes and events.

A value is encoded once per change, however many clients want it. A slow client costs nobody else anything:
its queues have a bound, and what overflows is told in its own notifications.
"""
