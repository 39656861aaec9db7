"""The journal's alarms to people, until somebody answers (docs/explanation/notification.md).

alarms/delivery.py decides who is told; here its decisions become messages on disk (desk, place), attempts
(attempts, mail, apprise_chat, mqtt), words and pictures (writing, letter, chat, view, trend, templates;
bare, where those have failed) and links with their page (links, page). In: events by cursor. Out: messages,
records for the journal.
"""
