"""The library under the operator's verbs and under the deploys."""
