"""The runbook: what an operator does when something is wrong, a page an alert and a situation, in two languages."""
