"""Alarms & Conditions (Part 9): the core's alarms as conditions, events, refresh and methods.

State is a fold of journalled events by the alarm engine's own book; nothing is decided here.
"""
